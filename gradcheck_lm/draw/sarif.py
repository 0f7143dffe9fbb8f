"""A view as a SARIF 2.1.0 log, as code hosts and editors read it: one rule a kind, one result a cut."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gradcheck_lm.draw.source_lines import source_line
from gradcheck_lm.draw.view import CutView, View
from gradcheck_lm.draw.words import say
from gradcheck_lm.files import encodable
from gradcheck_lm.flow.findings.explain import help_uri, home_page, markdown
from gradcheck_lm.flow.findings.kind import Kind
from gradcheck_lm.flow.findings.registry import KINDS

_FINGERPRINT = "gradcheckFinding/v1"


def render(*views: View) -> str:
    """One log (JSON text) of one view or several, their results in one run, in the order of the views."""
    return encodable(json.dumps(log(views), indent=2, ensure_ascii=False))


def log(views: Sequence[View]) -> dict[str, Any]:
    """The log as plain JSON types."""
    language = views[0].language if views else "en"
    cuts = [cut for view in views for cut in view.cuts]
    used = sorted({cut.kind for cut in cuts}, key=lambda kind: KINDS[kind].code)
    driver: dict[str, Any] = {
        "name": "gradcheck_lm",
        "version": str(sys.modules["gradcheck_lm"].__version__),  # loaded; to import it here would be a circle
        "rules": [_rule(KINDS[kind], language) for kind in used],
    }
    if (home := home_page()) is not None:
        driver["informationUri"] = home
    seen: Counter[str] = Counter()
    results = [_result(cut, used.index(cut.kind), language, seen) for cut in cuts]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def _rule(kind: Kind, language: str) -> dict[str, Any]:
    told = kind.say(language=language)
    rule: dict[str, Any] = {
        "id": kind.code,
        "name": "".join(word.capitalize() for word in kind.name.split("_")),
        "shortDescription": {"text": told.title},
        "fullDescription": {"text": told.why},
        "help": {"text": "\n".join(f"- {cure}" for cure in told.cures), "markdown": markdown(kind, language)},
        "defaultConfiguration": {"level": kind.severity},
    }
    if (uri := help_uri(kind)) is not None:
        rule["helpUri"] = uri
    return rule


def _result(cut: CutView, rule: int, language: str, seen: Counter[str]) -> dict[str, Any]:
    said = cut.why if cut.term is None else say("about term", language, term=repr(cut.term), text=cut.why)
    result: dict[str, Any] = {
        "ruleId": cut.code,
        "ruleIndex": rule,
        "level": cut.severity,
        "message": {"text": said},
        "properties": {"op": cut.op, "certainty": cut.certainty},
        "partialFingerprints": {_FINGERPRINT: _fingerprint(cut, seen)},
    }
    if cut.line and not cut.file.startswith("<"):
        result["locations"] = [_location(cut.file, cut.line, cut)]
    if cut.scope_at is not None and not cut.scope_at[0].startswith("<"):
        result["relatedLocations"] = [_location(*cut.scope_at)]
    return result


def _fingerprint(cut: CutView, seen: Counter[str]) -> str:
    """The same for the same cut when lines are added above it or the checkout stands elsewhere: neither the line's
    number nor the folders are in it. Like lines in one function are told apart by their order."""
    said = (cut.code, cut.op, cut.term or "", Path(cut.file).name, cut.function, " ".join(cut.source.whole.split()))
    text = "\n".join(said)
    seen[text] += 1
    return hashlib.sha256(f"{text}\n{seen[text]}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _column(cut: CutView) -> int:
    """Where the marked part begins in the file's line, from 1; 0 where nothing is marked or the file has changed."""
    line = source_line(cut.file, cut.line)
    if not cut.source.marked or line.replace("\t", " ").strip() != cut.source.whole:
        return 0
    return len(line) - len(line.lstrip()) + len(cut.source.before) + 1


def _location(file: str, line: int, cut: CutView | None = None) -> dict[str, Any]:
    path = Path(file)
    if path.is_absolute() and path.is_relative_to(root := Path(os.getcwd())):
        path = path.relative_to(root)  # SARIF viewers open a relative path in the checkout
    # a name's bytes, whatever they encode; half a character, which no name can hold, in the form that it has
    text = path.as_posix()
    half = any("\ud800" <= letter <= "\udc7f" or "\udd00" <= letter <= "\udfff" for letter in text)
    uri = quote(text, safe="/:", errors="surrogatepass" if half else "surrogateescape")
    uri = ("file://" if text.startswith("/") else "file:///") + uri if path.is_absolute() else uri
    region: dict[str, Any] = {"startLine": line}
    if cut is not None and (start := _column(cut)):
        region |= {"startColumn": start, "endColumn": start + len(cut.source.marked)}
    if cut is not None and cut.source.whole:
        region["snippet"] = {"text": cut.source.whole}
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}
    if cut is not None and cut.function and cut.function != "<module>":
        location["logicalLocations"] = [{"name": cut.function, "kind": "function"}]
    return location
