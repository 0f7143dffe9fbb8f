"""All kinds of finding in the order of their codes: each is one file in kinds/, and a new file is found by itself."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable

from gradcheck_lm.flow.findings import kinds
from gradcheck_lm.flow.findings.kind import Kind

SPENT: dict[str, str] = {}  # code -> name of kinds that were withdrawn: a code is never given twice


def collected(found: Iterable[Kind], spent: dict[str, str]) -> dict[str, Kind]:
    """Kinds by name, in the order of their codes.

    Raises:
        ValueError: a code or a name is given twice, or the code is spent.
    """
    ordered = sorted(found, key=lambda kind: kind.code)
    by_code: dict[str, Kind] = {}
    by_name: dict[str, Kind] = {}
    for kind in ordered:
        if kind.code in spent:
            raise ValueError(f"{kind.code} ({kind.name}) was {spent[kind.code]!r} once: give the kind a new code")
        if kind.code in by_code:
            raise ValueError(f"{kind.code} is both {by_code[kind.code].name!r} and {kind.name!r}: codes are unique")
        if kind.name in by_name:
            raise ValueError(f"{kind.name!r} is both {by_name[kind.name].code} and {kind.code}: names are unique")
        by_code[kind.code] = by_name[kind.name] = kind
    return by_name


def _all_kinds() -> list[Kind]:
    names = sorted(module.name for module in pkgutil.iter_modules(kinds.__path__))
    return [importlib.import_module(f"{kinds.__name__}.{name}").KIND for name in names]


KINDS: dict[str, Kind] = collected(_all_kinds(), SPENT)


def kind_of(code_or_name: str) -> Kind | None:
    """The kind with a code (GF101, gf101) or name (discrete_op)."""
    wanted = code_or_name.strip()
    by_code = next((kind for kind in KINDS.values() if kind.code == wanted.upper()), None)
    return by_code or KINDS.get(wanted.lower().replace("-", "_"))


def no_such_kind(wanted: str) -> str:
    """The sentence about a code or name that no kind has, with the one that is meant where it is near."""
    names = [name for kind in KINDS.values() for name in (kind.code, kind.name)]
    near = difflib.get_close_matches(wanted.strip().lower(), [name.lower() for name in names], n=1, cutoff=0.5)
    meant = next((f"; do you mean {name}?" for name in names if near and name.lower() == near[0]), "")
    return f"there is no kind of finding {wanted!r}{meant}"
