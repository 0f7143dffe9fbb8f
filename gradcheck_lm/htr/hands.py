"""Hands for synthetic lines: a font is a writer. Seven come from packages; some are kept out of training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gradcheck_lm.errors import ArgumentError, MissingPackageError

_FAMILIES = {
    "caveat": "Caveat",
    "dancing-script": "Dancing Script",
    "indie-flower": "Indie Flower",
    "kalam": "Kalam",
    "satisfy": "Satisfy",
    "shadows-into-light": "Shadows Into Light",
    "zeyada": "Zeyada",
}
HELD_OUT_HANDS: tuple[str, ...] = ("shadows-into-light", "zeyada")
"""Hands that no shipped recogniser has seen: the new writers of the experiments."""
TRAINING_HANDS: tuple[str, ...] = tuple(name for name in _FAMILIES if name not in HELD_OUT_HANDS)

_HEAVIEST = 600  # a bold cut is a display face, no pen


@dataclass(frozen=True)
class Hand:
    """One writer.

    Args:
        name: as in `TRAINING_HANDS` and `HELD_OUT_HANDS`, or the name of a font file.
        package: the package that carries the font; empty for a file of the user's.
        path: the font file.
        faces: (font file, weight or None) of every pen this hand may hold; a weight where the file is variable.
    """

    name: str
    package: str
    path: Path
    faces: tuple[tuple[Path, int | None], ...] = ()

    def __post_init__(self) -> None:
        if not self.faces:
            object.__setattr__(self, "faces", ((self.path, None),))


def hands(names: Iterable[str | Path | Hand] | None = None) -> tuple[Hand, ...]:
    """The hands of these names, or all seven.

    Args:
        names: names of packaged hands, paths of .ttf or .otf files, or hands.
    Raises:
        ArgumentError: a name that is neither, or no name at all.
        MissingPackageError: a font's package is not installed.
    """
    wanted = list(_FAMILIES if names is None else [names] if isinstance(names, str | Path | Hand) else names)
    if not wanted:
        raise ArgumentError("no hands were named: choose at least one, or leave the argument out for all")
    return tuple(name if isinstance(name, Hand) else _hand(str(name)) for name in wanted)


@lru_cache(maxsize=256)
def _hand(name: str) -> Hand:
    if name not in _FAMILIES:
        file = Path(name)
        if file.suffix.lower() in (".ttf", ".otf") and file.is_file():
            return Hand(name=file.stem, package="", path=file)
        raise ArgumentError(
            f"there is no hand {name!r}: choose from {', '.join(_FAMILIES)}, or give the path of a .ttf or .otf font file"
        )
    package = f"fontpkg-{name}"
    try:
        import fontpkg

        family = fontpkg.family(_FAMILIES[name])
    except (ImportError, LookupError) as error:  # the font finder itself, or this font
        raise MissingPackageError(
            f"the hand {name!r} needs the font package {package}: pip install 'gradcheck_lm[lab]'"
        ) from error
    faces: list[tuple[Path, int | None]] = []
    for file in family.files:
        path = Path(file.path)
        if file.variable:
            faces += [(path, weight) for weight in range(400, _HEAVIEST + 1, 100)]
        elif file.weight <= _HEAVIEST:
            faces.append((path, None))
    return Hand(name=name, package=package, path=Path(fontpkg.path(_FAMILIES[name])), faces=tuple(faces))
