"""What to type for what is missing: from where this package came, and never a name that an index gives to anybody."""

from __future__ import annotations

import importlib.metadata
import json
import re
from pathlib import Path

import pytest

from gradcheck_lm import extras
from gradcheck_lm.extras import install_line, requirement

ROOT = Path(__file__).resolve().parents[2]
BY_NAME = re.compile(r"pip install (?:-\S+ )*['\"]?gradcheck[-_]lm(?!\[[a-z]+\] @| @|-[\d*])")


@pytest.fixture
def came_from(monkeypatch: pytest.MonkeyPatch) -> object:
    """Lets the package have come from somewhere: the text of direct_url.json, or None for an index."""

    class Installed:
        def __init__(self, origin: str | None) -> None:
            self.origin = origin

        def read_text(self, name: str) -> str | None:
            return self.origin if name == "direct_url.json" else "Name: gradcheck_lm"

    def come(origin: object) -> None:
        text = origin if isinstance(origin, str) or origin is None else json.dumps(origin)
        monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Installed(text))
        extras._origin.cache_clear()

    yield come
    extras._origin.cache_clear()


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ({"url": "file:///srv/a%20b", "dir_info": {"editable": True}}, "pip install -e '/srv/a b[draw]'"),
        ({"url": "file:///srv/here", "dir_info": {}}, "pip install '/srv/here[draw]'"),
        (
            {"url": "file:///dist/gradcheck_lm-0.2.0-py3-none-any.whl", "archive_info": {}},
            "pip install 'gradcheck_lm[draw] @ file:///dist/gradcheck_lm-0.2.0-py3-none-any.whl'",
        ),
        (
            {"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "1f"}, "subdirectory": "p"},
            "pip install 'gradcheck_lm[draw] @ git+https://example.org/x.git@1f#subdirectory=p'",
        ),
        (None, "pip install 'gradcheck_lm[draw]'"),  # from an index, which is therefore the right one
        ("[" * 100_000, "pip install 'gradcheck_lm[draw]'"),
        ('{"url": 3}', "pip install 'gradcheck_lm[draw]'"),
    ],
)
def test_an_extra_comes_from_where_the_package_came(came_from: object, origin: object, line: str) -> None:
    came_from(origin)
    assert install_line("draw") == line


def test_the_package_itself_and_its_files_anew(came_from: object) -> None:
    came_from({"url": "file:///srv/here", "dir_info": {}})
    assert install_line() == "pip install /srv/here"
    assert install_line(again=True) == "pip install --force-reinstall --no-deps /srv/here"


def test_a_checkout_that_is_not_installed_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> object:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", none)
    extras._origin.cache_clear()
    try:
        assert requirement("lab") == f"{ROOT}[lab]"
    finally:
        extras._origin.cache_clear()


def texts() -> list[Path]:
    folders = [ROOT / "gradcheck_lm", ROOT / "lessons", ROOT / "docs"]
    inside = [path for folder in folders for form in ("*.py", "*.md") for path in folder.rglob(form)]
    found = [*inside, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    return [path for path in found if ".site" not in path.parts and path.name != "extras.py"]


def test_no_text_tells_to_install_by_name_alone() -> None:
    """Until the name is this project's on the index, such a line installs whatever a stranger registers."""
    found = {
        f"{path.relative_to(ROOT)}: {line}"
        for path in texts()
        for line in path.read_text(encoding="utf-8").splitlines()
        if BY_NAME.search(line)
    }
    assert found == set()


def test_such_a_line_would_be_seen() -> None:
    for line in ("pip install gradcheck_lm", "pip install 'gradcheck_lm[lab]'", "pip install -U gradcheck-lm"):
        assert BY_NAME.search(line), line
    for line in ("pip install 'gradcheck_lm[lab] @ .'", "pip install .", "pip install dist/gradcheck_lm-0.2.0.whl"):
        assert not BY_NAME.search(line), line
