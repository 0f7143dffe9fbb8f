"""What SARIF 2.1.0 says of the part that our logs use, and a small reader of JSON Schema.

Written by hand after the standard (OASIS, SARIF Version 2.1.0 Plus Errata 01): its own schema has 3,400 lines, of which
a log of ours touches these objects. As there, an object holds no property that the standard does not name; properties
that we do not write are left out, so that writing one more of them is noticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TEXT = {"type": "string"}
_INDEX = {"type": "integer", "minimum": 0}
_URI = {"type": "string", "pattern": r"^[A-Za-z0-9%._~:/?#\[\]@!$&'()*+,;=-]+$"}  # RFC 3986: no blank, no backslash
_LEVEL = {"enum": ["none", "note", "warning", "error"]}  # 3.27.10


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties, "closed": True}


_MESSAGE = _object(("text",), text=_TEXT, markdown=_TEXT)  # 3.11, 3.12
_BAG = {"type": "object"}  # 3.8: any property
_REGION = _object(  # 3.30
    ("startLine",),
    startLine={"type": "integer", "minimum": 1},
    startColumn={"type": "integer", "minimum": 1},
    endColumn={"type": "integer", "minimum": 1},
    snippet=_object(text=_TEXT),
)
_LOCATION = _object(  # 3.28, 3.29, 3.33
    physicalLocation=_object(artifactLocation=_object(uri=_URI), region=_REGION),
    logicalLocations={"type": "array", "items": _object(name=_TEXT, kind=_TEXT)},
)
_RULE = _object(  # 3.49
    ("id",),
    id=_TEXT,
    name=_TEXT,
    shortDescription=_MESSAGE,
    fullDescription=_MESSAGE,
    help=_MESSAGE,
    helpUri=_URI,
    defaultConfiguration=_object(level=_LEVEL),
)
_RESULT = _object(  # 3.27
    ("message",),
    ruleId=_TEXT,
    ruleIndex=_INDEX,
    level=_LEVEL,
    message=_MESSAGE,
    locations={"type": "array", "items": _LOCATION},
    relatedLocations={"type": "array", "items": _LOCATION},
    partialFingerprints={"type": "object", "values": _TEXT},  # 3.27.17
    properties=_BAG,
)
_DRIVER = _object(("name",), name=_TEXT, version=_TEXT, informationUri=_URI, rules={"type": "array", "items": _RULE})
SCHEMA = _object(  # 3.13, 3.14
    ("version", "runs"),
    **{"$schema": _URI},
    version={"enum": ["2.1.0"]},
    runs={
        "type": "array",
        "items": _object(
            ("tool",),
            tool=_object(("driver",), driver=_DRIVER),
            columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            results={"type": "array", "items": _RESULT},
        ),
    },
)
_TYPES = {"string": str, "integer": int, "object": dict, "array": list}


def faults(value: Any, schema: dict[str, Any] = SCHEMA, where: str = "log") -> Iterator[str]:
    """Where a value breaks the schema, a sentence each."""
    kind = schema.get("type")
    if kind and (not isinstance(value, _TYPES[kind]) or isinstance(value, bool)):
        yield f"{where} is {value!r:.60}, no {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is {value!r:.60}, none of {schema['enum']}"
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{where} is {value}, below {schema['minimum']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{where} is {value!r}, which is not {schema['pattern']}"
    if kind == "array":
        for place, item in enumerate(value):
            yield from faults(item, schema["items"], f"{where}[{place}]")
    if kind == "object":
        known = schema.get("properties", {})
        yield from (f"{where} lacks {name}" for name in schema.get("required", ()) if name not in value)
        for name, item in value.items():
            if name in known or "values" in schema:
                yield from faults(item, known.get(name) or schema["values"], f"{where}.{name}")
            elif schema.get("closed"):
                yield f"{where} has {name}, which is not known here"
