"""What fuzzing puts in beside single bytes: each form's own marks, and numbers that hurt."""

from __future__ import annotations

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
