"""Image files as grey values, and grey values as ink. Nothing else in the package opens a picture."""

from __future__ import annotations

import threading
import warnings
from io import BytesIO
from pathlib import Path

from gradcheck_lm import bounds
from gradcheck_lm.errors import DataError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.foreign import check_regular

try:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image, ImageOps, UnidentifiedImageError
except ImportError as error:
    raise MissingPackageError(f"line images need {error.name}: {install_line('lab')}") from error

# what Pillow may take a file for, by its content and not by its name. All of these are decoded in this process: of the
# others, PostScript starts the program Ghostscript on the file, and many have decoders that hardly anyone looks at
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "PPM")
_ORIENTATION = 0x0112  # EXIF's number for how a photograph is turned
_PATCH = 64  # columns over which the paper's tone is taken as even

_ONE_AT_A_TIME = threading.Lock()

Pixels = NDArray[np.uint8]


def read_image(path: str | Path | bytes, *, name: str = "") -> Pixels:
    """The grey values of an image file or of its bytes, (H, W) uint8; what is transparent is paper.

    Raises:
        DataError: the file is missing, empty, damaged, too large or no image; `name` says which.
    """
    name = name or (f"an image of {len(path)} bytes" if isinstance(path, bytes) else str(path))
    with _opened(path if isinstance(path, bytes) else Path(path), name) as picture:
        try:
            picture = ImageOps.exif_transpose(picture)
            if picture.mode.startswith(("I", "F")):  # 16 and 32 bits a pixel: to the range of 8
                return _from_deep(np.asarray(picture, np.float32))
            if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
                picture = picture.convert("RGBA")
                paper = Image.new("RGBA", picture.size, "white")
                picture = Image.alpha_composite(paper, picture)
            return np.asarray(picture.convert("L"))
        except Exception as error:  # a damaged file makes Pillow raise almost anything
            raise DataError(f"the image {name} is damaged or cut short ({error}): fetch it again") from error


def ink_of(image: Pixels, *, height: int, widest: int) -> NDArray[np.float32]:
    """How much of the paper's light the ink takes, (height, W) in 0 to 1 with W <= widest: 1 - x / paper."""
    rows, columns = image.shape
    width = max(1, min(round(columns * height / rows), widest))
    picture = image
    if (rows, columns) != (height, width):
        picture = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    light = picture.astype(np.float32)
    ink: NDArray[np.float32] = np.clip(1 - light / _paper(picture), 0, 1)
    return ink


def _paper(picture: Pixels) -> NDArray[np.float32]:
    """The paper's grey in each column, (W,): the median of the patch around it, for most of a line is paper."""
    height, width = picture.shape
    whole = max(float(np.median(picture)), 1.0)
    patches = width // _PATCH
    if patches < 2:
        return np.full(width, whole, np.float32)
    cut = picture[:, : patches * _PATCH].reshape(height, patches, _PATCH).transpose(1, 0, 2).reshape(patches, -1)
    # held near the whole line's: a patch that is mostly blot has no paper to show
    local = np.clip(np.median(cut, axis=1), 0.7 * whole, 1.3 * whole)
    return np.interp(np.arange(width), (np.arange(patches) + 0.5) * _PATCH, local).astype(np.float32)


def check_head(path: Path, where: str) -> tuple[int, int]:
    """Open the file and look at its kind and size, not at its pixels; `where` leads the message.

    Returns:
        Its height and width in pixels, as `read_image` gives it.
    Raises:
        DataError: the file is missing, empty, too large or no image.
    """
    with _opened(path, where) as picture:
        width, height = picture.size
        try:
            turned = picture.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        except Exception:  # damaged metadata make Pillow raise almost anything; the pixels may still be whole
            turned = False
        return (width, height) if turned else (height, width)


def _opened(path: Path | bytes, where: str) -> Image.Image:
    """The image of a file, its size known and its pixels not yet read."""
    lead = where if isinstance(path, bytes) or where == str(path) else f"{where}: {path}"
    try:
        with _ONE_AT_A_TIME, warnings.catch_warnings():  # what is ignored is ignored in all threads
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the bound below is lower
            if not isinstance(path, bytes):
                check_regular(path)
            picture = Image.open(BytesIO(path) if isinstance(path, bytes) else path, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise DataError(bounds.IMAGE.sentence("an enormous number of", lead)) from error
    except UnidentifiedImageError as error:
        empty = not (len(path) if isinstance(path, bytes) else path.stat().st_size)
        raise DataError(
            f"{lead} is {'an empty file' if empty else 'no image that can be read'}: "
            f"replace it with a PNG, JPEG or TIFF"
        ) from error
    except DataError:
        raise
    except Exception as error:  # a damaged head makes Pillow raise almost anything, too
        raise DataError(f"{lead} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    width, height = picture.size
    try:
        bounds.IMAGE.hold(width * height, lead, shown=f"{width} x {height}")
    except DataError:
        picture.close()
        raise
    return picture


def _from_deep(values: NDArray[np.float32]) -> Pixels:
    """Grey values of 0 to 1, 0 to 255 or 0 to 65535, told apart by the largest, to 8 bits."""
    largest = float(values.max(initial=0))
    scale = 255.0 if largest <= 1 else 1.0 if largest <= 255 else 1 / 257
    return np.clip(values * scale + 0.5, 0, 255).astype(np.uint8)
