"""A vector PDF from a laid out graph, for layout engines that write none.

Graphviz' JSON output lists the drawing operations (polygons, curves, texts with their widths); a PDF page is the same
list in another notation. Fonts are the fourteen that every PDF reader has, so nothing is embedded.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gradcheck_lm.draw.lettering import shown

_MARGIN = 6.0  # points around the picture
_LARGEST = 14_400.0  # points: what PDF readers accept as a page's side
_FONTS = ("Helvetica", "Helvetica-Bold", "Courier", "Courier-Bold")
_LISTS = ("_draw_", "_ldraw_", "_hdraw_", "_tdraw_", "_hldraw_", "_tldraw_")
_ARC = 0.5523  # of a radius: where the control points of a quarter circle's curve lie


def pdf_from_json(layout: Mapping[str, Any]) -> bytes:
    """One page with the picture in it.

    Args:
        layout: what a Graphviz engine writes with -Tjson, parsed.
    Returns:
        The bytes of a PDF file, the same for the same picture.
    """
    left, bottom, right, top = (float(part) for part in str(layout["bb"]).split(","))
    width, height = right - left + 2 * _MARGIN, top - bottom + 2 * _MARGIN
    scale = min(1.0, _LARGEST / max(width, height))
    content = [f"{scale:.5f} 0 0 {scale:.5f} {(_MARGIN - left) * scale:.3f} {(_MARGIN - bottom) * scale:.3f} cm"]
    for operations in _operation_lists(layout):
        content += ["q", *_operators(operations), "Q"]
    stream = zlib.compress("\n".join(content).encode("cp1252", "replace"), 9)
    return _file(stream, width * scale, height * scale)


def _operation_lists(layout: Mapping[str, Any]) -> Iterator[Sequence[Mapping[str, Any]]]:
    # subgraphs' frames first, then edges below nodes
    objects = layout.get("objects", [])
    frames = [item for item in objects if "nodes" in item or "subgraphs" in item]
    nodes = [item for item in objects if item not in frames]
    for item in [layout, *frames, *layout.get("edges", []), *nodes]:
        for name in _LISTS:
            if item.get(name):
                yield item[name]


def _operators(operations: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    font, size, bold, fill, pen = "Helvetica", 14.0, False, "0 0 0", "0 0 0"
    for operation in operations:
        kind = operation["op"]
        if kind == "F":
            font, size = operation["face"], float(operation["size"])
        elif kind == "t":
            bold = bool(operation["fontchar"] & 1)
        elif kind == "c" and operation.get("grad", "none") == "none":
            pen = _colour(operation["color"])
            yield f"{pen} RG"
        elif kind == "C" and operation.get("grad", "none") == "none":
            fill = _colour(operation["color"])
            yield f"{fill} rg"
        elif kind == "S":
            yield from _style(operation["style"])
        elif kind == "T":
            yield _text(operation, font, size, bold, pen)
            yield f"{fill} rg"
        elif kind in "PpLBbEe":
            yield f"{_path(operation)} {_finish(kind)}"


def _finish(kind: str) -> str:
    return {"P": "b", "p": "s", "L": "S", "B": "B", "b": "S", "E": "b", "e": "s"}[kind]


def _path(operation: Mapping[str, Any]) -> str:
    if operation["op"] in "Ee":
        return _ellipse(*(float(value) for value in operation["rect"]))
    (x, y), *rest = operation["points"]
    parts = [f"{x:.2f} {y:.2f} m"]
    if operation["op"] in "Bb":
        for i in range(0, len(rest) - 2, 3):
            parts.append(" ".join(f"{px:.2f} {py:.2f}" for px, py in rest[i : i + 3]) + " c")
    else:
        parts += [f"{px:.2f} {py:.2f} l" for px, py in rest]
    return " ".join(parts)


def _ellipse(x: float, y: float, width: float, height: float) -> str:
    curves = [f"{x + width:.2f} {y:.2f} m"]
    for cos, sin in ((1, 0), (0, 1), (-1, 0), (0, -1)):
        points = ((cos - _ARC * sin, sin + _ARC * cos), (_ARC * cos - sin, _ARC * sin + cos), (-sin, cos))
        curves.append(" ".join(f"{x + a * width:.2f} {y + b * height:.2f}" for a, b in points) + " c")
    return " ".join(curves)


def _style(style: str) -> Iterator[str]:
    if match := re.fullmatch(r"setlinewidth\(([\d.]+)\)", style):
        yield f"{float(match[1]):.2f} w"
    elif style in ("dashed", "dotted", "solid"):
        yield {"dashed": "[5 2] 0 d", "dotted": "[1 5] 0 d", "solid": "[] 0 d"}[style]


def _text(operation: Mapping[str, Any], font: str, size: float, bold: bool, pen: str) -> str:
    x, y = (float(value) for value in operation["pt"])
    width = float(operation.get("width", 0))
    x -= {"l": 0.0, "c": width / 2, "r": width}[operation["align"]]
    name = ("Courier" if "ourier" in font or "ono" in font else "Helvetica") + ("-Bold" if bold else "")
    letters = shown(operation["text"], "cp1252").replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /F{_FONTS.index(name)} {size:.2f} Tf {pen} rg {x:.2f} {y:.2f} Td ({letters}) Tj ET"


def _colour(text: str) -> str:
    digits = text.lstrip("#")
    if not re.fullmatch(r"[0-9a-fA-F]{6,8}", digits):
        return "0 0 0"
    return " ".join(f"{int(digits[i : i + 2], 16) / 255:.3f}" for i in (0, 2, 4))


def _file(stream: bytes, width: float, height: float) -> bytes:
    fonts = " ".join(f"/F{i} {5 + i} 0 R" for i in range(len(_FONTS)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.2f} {height:.2f}] /Contents 4 0 R "
        f"/Resources << /Font << {fonts} >> >> >>".encode(),
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(stream) + stream + b"\nendstream",
        *(
            f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>".encode()
            for name in _FONTS
        ),
    ]
    data = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    data += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(data)
