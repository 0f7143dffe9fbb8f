"""What a picture on disk must be."""

from __future__ import annotations

import struct
from pathlib import Path
from xml.etree import ElementTree

BEGINNING = {"svg": b"<?xml", "png": b"\x89PNG\r\n", "pdf": b"%PDF-1."}


def check(path: Path) -> None:
    kind = path.suffix[1:]
    data = path.read_bytes()
    assert data.startswith(BEGINNING[kind])
    if kind == "svg":
        root = ElementTree.fromstring(data)
        texts = "".join(root.itertext())
        assert "argmax" in texts
        assert "lm" in texts
    elif kind == "png":
        width, height = struct.unpack(">II", data[16:24])
        assert width > 40
        assert height > 60
    else:
        assert data.rstrip().endswith(b"%%EOF")
