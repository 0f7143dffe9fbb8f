"""What a failure leaves behind: a folder with the diagnosis as JSON, as text and as a picture."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from gradcheck_lm.files import write_text_atomic

if TYPE_CHECKING:
    from gradcheck_lm.flow.findings.model import Diagnosis

_LONGEST = 100  # characters of a name: some file systems allow 143 in all


def safe_name(name: str) -> str:
    """A name that every file system takes, different for different names: what is readable of it, and a digest."""
    plain = re.sub(r"[^A-Za-z0-9.\-]+", "_", name).strip("._-")[-_LONGEST:].lstrip("._-") or "diagnosis"
    return f"{plain}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def write_report(folder: str | Path, diagnosis: Diagnosis) -> list[Path]:
    """Write diagnosis.json, diagnosis.txt and graph.svg into a folder, each in one step.

    Args:
        folder: made where it is missing; files of an earlier failure in it are replaced.
        diagnosis: what to write.
    Returns:
        The files. Where the picture cannot be drawn (no layout engine is installed) graph.txt says why instead.
    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    written = [diagnosis.save(folder / "diagnosis.json"), diagnosis.save(folder / "diagnosis.txt")]
    picture, excuse = folder / "graph.svg", folder / "graph.txt"
    try:
        written.append(diagnosis.save_graph(picture))
        excuse.unlink(missing_ok=True)
    except OSError:
        raise
    except Exception as error:  # the picture is an extra: it must not hide the diagnosis
        picture.unlink(missing_ok=True)
        written.append(write_text_atomic(excuse, f"no picture: {error}\n"))
    return written
