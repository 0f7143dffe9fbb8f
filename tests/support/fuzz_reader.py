"""One way in that the fuzz tests spoil files for, and what they put into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Reader:
    """One way in.

    Args:
        name: of the test.
        seeds: good files, by bytes; each is read once before it is spoiled.
        read: given a folder and bytes, puts them where the reader looks and reads.
        wrap: after the spoiling: mends lengths and checksums, so that it reaches further in.
        examples: in the default suite, for two or three seconds.
        words: what is put in beside single bytes: the form's own marks, and numbers that hurt.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path, bytes], object]
    wrap: Callable[[bytes], bytes] = bytes
    examples: int = 100
    words: tuple[bytes, ...] = ()


NUMBERS = (
    b"-1",
    b"0",
    b"99999999999999999999",
    b"1e400",
    b"Infinity",
    b"null",
    b"true",
    b"\xff",
    b"\x00" * 8,
    b"\xff" * 8,
)
JSON_WORDS = (*NUMBERS, b"[", b"]", b"{", b"}", b'"', b":", b",", b"[" * 3000, b'"\\ud800"', b"{}", b"[]", b'"x"')
XML_WORDS = (
    *NUMBERS,
    b"<",
    b">",
    b"/>",
    b"&",
    b"&#0;",
    b"&lt;",
    b'"',
    b"<!--",
    b"<![CDATA[",
    b"<a>" * 200,
    b"{type:x;}",
)
CSV_WORDS = (*NUMBERS, b"\t", b"\n", b"\r", b";", b",", b'"', b"../", b"/", b"\xc3\xa9", b"|")
CUT = b"<cut>"


def header_of(data: bytes) -> bytes:
    """A safetensors file as its header's text, a mark, and its numbers."""
    size = int.from_bytes(data[:8], "little")
    return data[8 : 8 + size] + CUT + data[8 + size :]


def headed(data: bytes) -> bytes:
    """The reverse: the length of the header is right again."""
    head, _, rest = data.partition(CUT)
    return len(head).to_bytes(8, "little") + head + rest


def safetensors_file(load: Callable[[Path], object]) -> Callable[[Path, bytes], object]:
    def read(folder: Path, data: bytes) -> None:
        (folder / "x.safetensors").write_bytes(data)
        load(folder / "x.safetensors")

    return read
