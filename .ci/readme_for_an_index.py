"""README as an index shows it, made when the package is built: there a link into the checkout leads nowhere.

Hatchling runs it ([tool.hatch.metadata.hooks.custom] in pyproject.toml). Where [project.urls] names a `Source`, links
and pictures lead to the tag of this version there; where it does not, links are plain text and pictures are left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

try:
    from hatchling.metadata.plugin.interface import MetadataHookInterface
except ImportError:  # read by a test where nothing is built
    MetadataHookInterface = object

_PICTURE = re.compile(r"^!\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|mailto:)([^)\s]+)\)")
_VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)


def for_an_index(text: str, source: str | None, version: str) -> str:
    """README's text with every link that leads into the checkout made whole, or unmade."""
    if source is None:
        return _LINK.sub(r"\1", _PICTURE.sub("", text))
    home = source.rstrip("/")
    text = _PICTURE.sub(rf"![\1]({home}/raw/v{version}/\2)", text)
    return _LINK.sub(rf"[\1]({home}/blob/v{version}/\2)", text)


class ReadmeHook(MetadataHookInterface):
    """The field `readme` of the package's metadata."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        root = Path(self.root)
        version = _VERSION.search((root / "gradcheck_lm" / "__init__.py").read_text(encoding="utf-8"))
        assert version is not None, "gradcheck_lm/__init__.py has no __version__"
        text = (root / "README.md").read_text(encoding="utf-8")
        shown = for_an_index(text, metadata.get("urls", {}).get("Source"), version[1])
        metadata["readme"] = {"content-type": "text/markdown", "text": shown}
