"""The line that installs what is missing, from where this package itself came.

The name alone would ask an index, and whoever holds the name there would be installed.
"""

from __future__ import annotations

import importlib.metadata
import shlex
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from gradcheck_lm.foreign import parse_json

NAME = "gradcheck_lm"


def install_line(extra: str = "", *, again: bool = False) -> str:
    """What to type for this package with an extra: "pip install '/home/me/gradcheck_lm[draw]'".

    Args:
        extra: one of pyproject.toml's; "" for the package alone.
        again: the files of the package are damaged: put them there anew, and nothing else.
    """
    options = "--force-reinstall --no-deps " if again else ""
    return f"pip install {options}{_editable()}{shlex.quote(requirement(extra))}"


def requirement(extra: str = "") -> str:
    """This package as pip wants it named: a folder, `name @ address`, or the name where it came from an index."""
    wanted = f"[{extra}]" if extra else ""
    origin = _origin()
    if origin is None:
        root = Path(__file__).resolve().parents[1]
        beside = not _installed() and (root / "pyproject.toml").is_file()  # a checkout on the path of imports
        return f"{root}{wanted}" if beside else f"{NAME}{wanted}"
    address = str(origin["url"])
    if "dir_info" in origin:
        return f"{url2pathname(urlsplit(address).path)}{wanted}"
    source = origin.get("vcs_info")
    if source:
        address = f"{source['vcs']}+{address}@{source['commit_id']}"
    inside = f"#subdirectory={origin['subdirectory']}" if origin.get("subdirectory") else ""
    return f"{NAME}{wanted} @ {address}{inside}"


def _editable() -> str:
    origin = _origin()
    return "-e " if origin is not None and origin.get("dir_info", {}).get("editable") else ""


def _installed() -> bool:
    return _record("METADATA") is not None


@cache
def _origin() -> dict[str, Any] | None:
    """PEP 610: pip writes where a package came from, unless it came from an index."""
    text = _record("direct_url.json")
    if text is None:
        return None
    try:
        found = parse_json(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("url"), str) else None


def _record(name: str) -> str | None:
    try:
        return importlib.metadata.distribution(NAME).read_text(name)
    except importlib.metadata.PackageNotFoundError:
        return None
