"""Hands for synthetic lines: a font is a writer. Seven come from packages; some are kept out of training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gradcheck_lm.errors import ArgumentError, MissingPackageError
from gradcheck_lm.extras import install_line

try:
    from PIL import ImageFont
except ImportError as error:
    raise MissingPackageError(f"hands need {error.name}: {install_line('lab')}") from error

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

_TALL = "Alfdhkgjpqy"  # letters that reach from the highest to the lowest point of a line
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
            f"there is no hand {name!r}: choose from {', '.join(_FAMILIES)}, "
            f"or give the path of a .ttf or .otf font file"
        )
    package = f"fontpkg-{name}"
    try:
        import fontpkg
    except ImportError as error:  # the font finder itself; or, a module's name in the error, what it needs
        missing = (error.name or "fontpkg").split(".")[0]
        raise MissingPackageError(
            f"the hand {name!r} needs the package {missing}, which finds the fonts of {package} and its like: "
            f"{install_line('lab')}"
        ) from error
    try:
        family = fontpkg.family(_FAMILIES[name])
    except LookupError as error:
        raise MissingPackageError(
            f"the hand {name!r} needs the font package {package}: {install_line('lab')}"
        ) from error
    faces: list[tuple[Path, int | None]] = []
    for file in family.files:
        path = Path(file.path)
        if file.variable:
            faces += [(path, weight) for weight in range(400, _HEAVIEST + 1, 100)]
        elif file.weight <= _HEAVIEST:
            faces.append((path, None))
    return Hand(name=name, package=package, path=Path(fontpkg.path(_FAMILIES[name])), faces=tuple(faces))


class Face:
    """A font at one size, with the measures of a line written in it."""

    def __init__(self, path: str, weight: int | None, size: float) -> None:
        self.font = ImageFont.truetype(path, size)
        if weight is not None:
            self.font.set_variation_by_axes([weight])
        _, top, _, bottom = self.font.getbbox(_TALL, anchor="ls")
        self.up, self.down = -float(top), float(bottom)  # pixels above and below the baseline
        self.space = self.font.getlength(" ")
        nothing = self.font.getmask("\uffff")
        self._nothing = (nothing.size, bytes(nothing))
        self._known: dict[str, bool] = {" ": True}

    def has(self, character: str) -> bool:
        """Whether the font draws the character itself and not its sign for a missing one."""
        if character not in self._known:
            glyph = self.font.getmask(character)
            self._known[character] = (glyph.size, bytes(glyph)) != self._nothing
        return self._known[character]


@lru_cache(maxsize=128)
def face_of(path: str, weight: int | None, height: int) -> Face:
    """The face at the size whose tallest letters fill a line of this height."""
    trial = Face(path, weight, height)
    return Face(path, weight, height * height / (trial.up + trial.down))
