"""A view as a SARIF 2.1.0 log, as code hosts and editors read it: one rule a kind, one result a cut."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradcheck_lm.draw.view import CutView, View
from gradcheck_lm.draw.words import say
from gradcheck_lm.files import encodable
from gradcheck_lm.flow.findings.explain import help_uri, markdown
from gradcheck_lm.flow.findings.kind import Kind
from gradcheck_lm.flow.findings.registry import KINDS


def render(*views: View) -> str:
    """One log (JSON text) of one view or several, their results in one run, in the order of the views."""
    return encodable(json.dumps(log(views), indent=2, ensure_ascii=False))


def log(views: Sequence[View]) -> dict[str, Any]:
    """The log as plain JSON types."""
    language = views[0].language if views else "en"
    cuts = [cut for view in views for cut in view.cuts]
    used = sorted({cut.kind for cut in cuts}, key=lambda kind: KINDS[kind].code)
    driver = {"name": "gradcheck_lm", "rules": [_rule(KINDS[kind], language) for kind in used]}
    results = [_result(cut, used.index(cut.kind), language) for cut in cuts]
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


def _result(cut: CutView, rule: int, language: str) -> dict[str, Any]:
    said = cut.why if cut.term is None else say("about term", language, term=repr(cut.term), text=cut.why)
    result: dict[str, Any] = {
        "ruleId": cut.code,
        "ruleIndex": rule,
        "level": cut.severity,
        "message": {"text": said},
        "properties": {"op": cut.op, "certainty": cut.certainty},
    }
    if cut.line and not cut.file.startswith("<"):
        result["locations"] = [_location(cut.file, cut.line)]
    if cut.scope_at is not None and not cut.scope_at[0].startswith("<"):
        result["relatedLocations"] = [_location(*cut.scope_at)]
    return result


def _location(file: str, line: int) -> dict[str, Any]:
    path = Path(file)
    if path.is_absolute() and path.is_relative_to(root := Path(os.getcwd())):
        path = path.relative_to(root)  # SARIF viewers open a relative path in the checkout
    uri = path.as_uri() if path.is_absolute() else path.as_posix()
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}
