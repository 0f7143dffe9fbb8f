"""Pictures as they come: every kind gives the same greys, a turned one is turned back, an enormous one left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_samples import stroke
from PIL import Image

from gradcheck_lm.errors import DataError
from gradcheck_lm.htr import read_images
from gradcheck_lm.htr.images import read_image


def test_a_picture_that_claims_to_be_enormous_is_not_decoded(tmp_path: Path) -> None:
    file = tmp_path / "bomb.png"
    Image.fromarray(stroke()).save(file)
    data = bytearray(file.read_bytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2  # the size in a PNG's head
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    file.write_bytes(bytes(data))
    with pytest.raises(DataError, match="pixels, at most 50 million"):
        read_images([file])


def rgba(path: Path) -> None:
    image = np.zeros((8, 8, 4), np.uint8)  # all transparent, but for one black pixel
    image[3, 4, 3] = 255
    Image.fromarray(image, "RGBA").save(path)


def deep(path: Path) -> None:
    image = np.full((8, 8), 65535, np.uint16)
    image[3, 4] = 0
    Image.fromarray(image).save(path)


def one_bit(path: Path) -> None:
    image = np.full((8, 8), 255, np.uint8)
    image[3, 4] = 0
    Image.fromarray(image).convert("1").save(path)


def palette(path: Path) -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 255, 255, 255])
    image.putpixel((4, 3), 0)
    image.save(path)


def colour(path: Path) -> None:
    image = Image.new("RGB", (8, 8), "white")
    image.putpixel((4, 3), (0, 0, 0))
    image.save(path)


@pytest.mark.parametrize("make", [rgba, deep, one_bit, palette, colour])
def test_every_kind_of_image_gives_the_same_greys(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "image.png")
    expected = np.full((8, 8), 255, np.uint8)
    expected[3, 4] = 0
    assert np.array_equal(read_image(tmp_path / "image.png"), expected)


def test_a_turned_photograph_is_turned_back(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned a quarter
    Image.fromarray(stroke(100, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").shape == (100, 20)
