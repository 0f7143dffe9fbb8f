"""Lines of handwriting from fonts: written word by word, bent like handwriting, and scanned like paper."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, overload

from gradcheck_lm.errors import ArgumentError, CharsetError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.files import write_bytes_atomic
from gradcheck_lm.htr.images import Pixels
from gradcheck_lm.htr.lines import Line
from gradcheck_lm.htr.synthetic.hand import HELD_OUT_HANDS as HELD_OUT_HANDS
from gradcheck_lm.htr.synthetic.hand import TRAINING_HANDS as TRAINING_HANDS
from gradcheck_lm.htr.synthetic.hand import Face, face_of
from gradcheck_lm.htr.synthetic.hand import Hand as Hand
from gradcheck_lm.htr.synthetic.hand import hands as hands

try:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image, ImageDraw, ImageFilter
except ImportError as error:
    raise MissingPackageError(f"synthetic lines need {error.name}: {install_line('lab')}") from error

_VERSION = 1  # of the pictures: part of the key of the disk cache
_CELL = (20, 18)  # pixels between the knots of the warp, down and across
_MEMORY = 200_000_000  # bytes of pictures that one sequence keeps; those beyond are drawn each time

Floats = NDArray[np.float64]


def render_line(text: str, hand: Hand | str, rng: np.random.Generator, *, height: int = 64) -> Pixels:
    """One line of handwriting.

    Args:
        text: what to write; characters that the hand's font has.
        hand: who writes.
        rng: every choice is drawn from it: pen, size, baseline, spacing, slant, warp, ink, paper, blur.
        height: pixels.
    Returns:
        (height, W) uint8, dark ink on light paper, as a scanner gives it.
    Raises:
        CharsetError: the font lacks a character of the text.
    """
    hand = hands([hand])[0] if isinstance(hand, str) else hand
    path, weight = hand.faces[int(rng.integers(len(hand.faces)))]
    face = face_of(str(path), weight, height)
    lacking = [character for character in dict.fromkeys(text) if not face.has(character)]
    if lacking:
        raise CharsetError(
            f"the hand {hand.name!r} cannot write {''.join(lacking)!r} in {text!r}: its font lacks it. "
            f"Clean the text, or choose another hand"
        )
    written, start, end = _write(text, face, rng)
    ink = _bend(written, start, end, face, rng, height)
    return _scan(_press(ink, rng), rng)


class SyntheticLines(Sequence[Line]):
    """A seeded sequence of synthetic lines: item i depends on the texts, the hands, the seed and i alone.

    A picture is drawn when it is first asked for.

    Args:
        texts: what to write. Item i takes text i of a seeded shuffle, round and round.
        hands: who writes, in turn; names, font files or hands. `TRAINING_HANDS` by default.
        count: how many lines; by default one for each text.
        seed: of every choice.
        height: pixels.
        cache: a folder that keeps the pictures for the next run; without it they are kept in memory only.
    Raises:
        ArgumentError: no texts, no hands, or a count or height that cannot be.
    """

    def __init__(
        self,
        texts: Sequence[str],
        hands: Iterable[str | Path | Hand] = TRAINING_HANDS,
        count: int | None = None,
        seed: int = 0,
        *,
        height: int = 64,
        cache: str | Path | None = None,
    ) -> None:
        if isinstance(texts, str) or not texts:
            raise ArgumentError(f"texts must be a sequence of at least one text, got {texts!r}: see load_sentences")
        count = len(texts) if count is None else count
        if count < 1 or height < 16 or seed < 0:
            raise ArgumentError(
                f"synthetic lines need count >= 1, height >= 16 and seed >= 0, got count={count}, height={height}, "
                f"seed={seed}"
            )
        self.texts = tuple(texts)
        self.hands = _hands(hands)
        self.seed, self.height = seed, height
        self._length = count
        self._order = np.random.default_rng([seed, 0]).permutation(len(self.texts))
        self._kept: dict[int, Pixels] = {}
        self._room = _MEMORY
        self._folder = None if cache is None else Path(cache) / self._key()

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> list[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | list[Line]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(self._length))]
        position = index + self._length if index < 0 else index
        if not 0 <= position < self._length:
            raise IndexError(f"line {index} of {self._length}")
        text = self.texts[int(self._order[position % len(self.texts)])]
        hand = self.hands[position % len(self.hands)]
        return Line(partial(self._picture, position, text, hand), text, f"{hand.name}-{position:05d}", hand.name)

    def __repr__(self) -> str:
        names = ", ".join(hand.name for hand in self.hands)
        return f"SyntheticLines({len(self.texts)} texts, {names}, count={self._length}, seed={self.seed})"

    def _picture(self, position: int, text: str, hand: Hand) -> Pixels:
        if position in self._kept:
            return self._kept[position]
        file = None if self._folder is None else self._folder / f"{position:06d}.npy"
        picture = _read_array(file)
        if picture is None:
            # [seed, 0] is the shuffle's
            picture = render_line(text, hand, np.random.default_rng([self.seed, position + 1]), height=self.height)
            if file is not None:
                stream = io.BytesIO()
                np.save(stream, picture, allow_pickle=False)
                write_bytes_atomic(file, stream.getvalue())
        picture.flags.writeable = False  # it is shared by all who ask for this line
        if picture.nbytes <= self._room:
            self._room -= picture.nbytes
            self._kept[position] = picture
        return picture

    def _key(self) -> str:
        """A name for the folder of exactly these pictures, whatever their count."""
        digest = hashlib.blake2b(digest_size=8)
        for part in (_VERSION, self.seed, self.height, *(hand.name for hand in self.hands), *self.texts):
            digest.update(f"{part}\n".encode())
        return digest.hexdigest()


def _hands(names: Iterable[str | Path | Hand]) -> tuple[Hand, ...]:
    return hands(names)  # a name of its own: the class has an argument that is called hands


def _read_array(file: Path | None) -> Pixels | None:
    """A cached picture, or None where there is none or it is damaged: then it is drawn again."""
    if file is None or not file.is_file():
        return None
    try:
        picture = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return picture if picture.ndim == 2 and picture.dtype == np.uint8 else None


def _write(text: str, face: Face, rng: np.random.Generator) -> tuple[Image.Image, float, float]:
    """White ink on black, word by word on a baseline that wanders; and where the ink starts and ends."""
    size = face.up + face.down
    margin = int(size * 0.5)
    words = text.split(" ")
    lengths = [face.font.getlength(word) for word in words]
    spaces = face.space * rng.uniform(0.9, 1.6) * rng.uniform(0.75, 1.3, len(words)) + size * 0.04
    steps = rng.normal(0, size * 0.025, len(words))
    width = int(sum(lengths) + spaces.sum()) + 2 * margin
    picture = Image.new("L", (width, int(size) + 2 * margin), 0)
    draw = ImageDraw.Draw(picture)
    pen, lift = float(margin), 0.0
    end = pen
    for word, length, space, step in zip(words, lengths, spaces, steps, strict=True):
        lift = 0.6 * lift + step  # pulled back: a writer looks where the line is
        if word:
            draw.text((pen, margin + face.up + lift), word, font=face.font, fill=255, anchor="ls")
            end = pen + length
        pen += length + space
    return picture, float(margin), end


def _wave(rng: np.random.Generator, count: int, every: float, amount: float) -> Floats:
    """A smooth random curve over `count` places: normal values of size `amount` at distances of `every`."""
    knots = max(2, int(count / every) + 2)
    where = np.linspace(0, knots - 1, count)
    left = np.minimum(where.astype(np.int64), knots - 2)
    part = where - left
    part = part * part * (3 - 2 * part)  # no kink at the knots
    values = rng.normal(0, amount, knots)
    mixed: Floats = values[left] * (1 - part) + values[left + 1] * part
    return mixed


def _bend(
    written: Image.Image, start: float, end: float, face: Face, rng: np.random.Generator, height: int
) -> Image.Image:
    """Scale, slant and warp the line into a picture of `height`: a mesh of patches, smooth from knot to knot."""
    size = face.up + face.down
    scale = rng.uniform(0.58, 0.86) * height / size  # the tallest letters take that share of the height
    stretch = scale * rng.uniform(0.8, 1.1)
    margin = rng.uniform(0.1, 0.3) * height
    width = max(height // 2, round((end - start) * stretch + 2 * margin))
    top = (height - size * scale) * rng.uniform(0.3, 0.7)
    columns, rows = max(2, round(width / _CELL[1])), max(2, round(height / _CELL[0]))
    u, v = np.linspace(0, width, columns + 1), np.linspace(0, height, rows + 1)
    per_knot = columns + 1
    # what a knot of the new picture shows of the written one
    x = start + (u[None, :] - margin) / stretch + np.zeros((rows + 1, 1))
    y = written.height / 2 - size / 2 + (v[:, None] - top) / scale + np.zeros((1, per_knot))
    upright = y - (written.height / 2 - size / 2 + face.up)  # pixels below the baseline
    x = x + upright * (rng.normal(0.02, 0.14) + _wave(rng, per_knot, 6, 0.05))
    x = x + _wave(rng, per_knot, 3, size * 0.035) + rng.normal(0, size * 0.008, x.shape)
    y = y + upright * _wave(rng, per_knot, 4, 0.06)
    y = y + _wave(rng, per_knot, 8, size * 0.03) + rng.normal(0, size * 0.008, y.shape)
    across, down = np.rint(u).astype(int).tolist(), np.rint(v).astype(int).tolist()
    # Pillow wants the corners of a patch from the upper left against the clock
    knots = np.stack([x, y], -1)
    quads = np.concatenate([knots[:-1, :-1], knots[1:, :-1], knots[1:, 1:], knots[:-1, 1:]], -1).tolist()
    mesh: Any = [
        ((across[column], down[row], across[column + 1], down[row + 1]), quads[row][column])
        for row in range(rows)
        for column in range(columns)
    ]
    return written.transform((width, height), Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def _press(ink: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The pen's width: a blur, then a threshold with a soft edge; the lower it lies, the wider the stroke."""
    blurred = ink.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 0.9) * ink.height / 64))
    threshold, edge = rng.uniform(0.06, 0.34), rng.uniform(0.3, 0.5)
    levels = np.clip((np.arange(256) / 255 - threshold) / edge, 0, 1) * 255
    return blurred.point(levels.astype(np.uint8).tolist())


def _scan(ink: Image.Image, rng: np.random.Generator) -> Pixels:
    """Ink on paper: the ink's tone changes along the line, the paper has shade and grain."""
    if rng.random() < 0.5:
        ink = ink.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.6) * ink.height / 64))
    strokes = np.asarray(ink, np.float32) * np.float32(1 / 255)
    height, width = strokes.shape
    tone = np.clip(rng.uniform(0.6, 0.95) + _wave(rng, width, 40, 0.07), 0.35, 1).astype(np.float32)
    paper = rng.uniform(0.8, 1.0) + _wave(rng, width, 200, 0.02)[None, :] + _wave(rng, height, 60, 0.01)[:, None]
    grain = rng.standard_normal((height, width), np.float32) * np.float32(rng.uniform(0.004, 0.03))
    picture = (paper.astype(np.float32) + grain) * (1 - strokes * tone)
    return (np.clip(picture, 0, 1) * 255 + np.float32(0.5)).astype(np.uint8)
