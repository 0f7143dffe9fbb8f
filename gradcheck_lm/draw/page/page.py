"""report.html: a diagnosis, or a whole comparison, as one file that needs neither network nor server."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from gradcheck_lm.draw.japanese import heading_ja
from gradcheck_lm.draw.page import page_parts as parts
from gradcheck_lm.draw.page.made import facts, script_of
from gradcheck_lm.draw.page.report import Report
from gradcheck_lm.draw.view import of as view_of
from gradcheck_lm.errors import ArgumentError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.files import encodable, write_text_atomic
from gradcheck_lm.flow.findings.model import Diagnosis

_MADE = {
    "script": ("script", "スクリプト"), "command": ("command", "コマンド"), "date": ("made", "作成"),
    "versions": ("with", "バージョン"),
}  # fmt: skip


def save_page(
    path: str | Path,
    report: Report | Diagnosis | Mapping[str, Any],
    *,
    timeout: float = 30.0,
    language: str | None = None,
) -> Path:
    """Write a report as one self-contained HTML file.

    Args:
        path: the file, usually report.html.
        report: a Report; or a Diagnosis; or a dict of Report's fields, in which `diagnosis` may stand for a single one.
        timeout: seconds for laying out all flow graphs; a graph that takes longer is replaced by a sentence.
        language: "en" or "ja", which the page opens in, instead of the report's own.
    Returns:
        The path written.
    Raises:
        ArgumentError: an unknown field, or a language that is neither "en" nor "ja".
        MissingPackageError: jinja2 is not installed.
    """
    page = _report(report)
    return write_text_atomic(path, page_html(replace(page, language=language) if language else page, timeout=timeout))


def page_html(report: Report, *, timeout: float = 30.0, template: str = "report.html.j2") -> str:
    """The page as text, or by another template its graph alone.

    No script and no style but its own can run in it: the policy names both by their hash.
    """
    if report.language not in ("en", "ja"):
        raise ArgumentError(f"language is {report.language!r}; a page opens in 'en' or 'ja'")
    try:
        import jinja2
    except ImportError as error:
        raise MissingPackageError(f"report.html needs jinja2; type: {install_line('draw')}") from error
    folder = Path(__file__).parent / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    style = (folder / "style.css").read_text(encoding="utf-8")
    script = (folder / "script.js").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    environment.globals["japanese"] = heading_ja
    page = environment.get_template(template)
    return encodable(page.render(style=style, script=script, policy=policy, **_context(report, timeout)))


def _report(report: Report | Diagnosis | Mapping[str, Any]) -> Report:
    if isinstance(report, Report):
        return report
    if isinstance(report, Diagnosis):
        return _of_one(report)
    content = dict(report)
    if (single := content.pop("diagnosis", None)) is not None:
        content["diagnoses"] = {"": single}
    known = {one.name for one in fields(Report)}
    if unknown := sorted(set(content) - known):
        raise ArgumentError(f"a report has no field {', '.join(map(repr, unknown))}; it has {', '.join(sorted(known))}")
    return Report(**content)


def _of_one(diagnosis: Diagnosis) -> Report:
    """The page of one diagnosis: named after its program, with where and when it was made."""
    script = script_of(diagnosis)
    title, title_ja = f"Gradient flow of {script}", f"{script} の勾配の流れ"
    if not script:
        title, title_ja = "Gradient flow", "勾配の流れ"
    return Report(title, title_ja, made=facts(script=script), diagnoses={"": diagnosis})


def _context(report: Report, timeout: float) -> dict[str, Any]:
    sentence, sentence_ja = report.verdict, report.verdict_ja
    if not sentence and len(report.diagnoses) == 1:
        only = next(iter(report.diagnoses.values()))
        sentence, sentence_ja = (view_of(only, language).verdict for language in ("en", "ja"))
    arms = parts.arms(report, timeout)
    # where the gradient stops stands on the first screen, of a phone, too
    first = next(((arm["key"], part) for arm in arms[:1] for part in parts.starving(arm)), ("", None))
    names = list(dict.fromkeys(name for panel in [*report.curves, *report.gradients] for name in panel.series))
    return {
        "language": report.language,
        "title": report.title,
        "title_ja": report.title_ja or report.title,
        "verdict": sentence,
        "verdict_ja": sentence_ja or sentence,
        "helped": report.helped,
        "helped_ja": report.helped_ja or report.helped,
        "arms_said": (report.arms, report.arms_ja or report.arms),
        "made": [(name, *_MADE.get(name, (name, name)), value) for name, value in report.made.items()],
        "ok": next(iter(report.diagnoses.values())).ok if len(report.diagnoses) == 1 else None,
        "arms": arms,
        "first": first[1],
        "first_key": f"{first[0]}-cut{first[1]['cut'].number}" if first[1] else "",
        "experiments": [parts.experiment(table) for table in report.experiments],
        "gradients": parts.charts(report.gradients, names),
        "curves": parts.charts(report.curves, names),
        "pictures": [(caption, image_uri(data)) for caption, data in report.pictures.items()],
        "lm": parts.lm_table(report.lm_table),
        "mistakes": [parts.mistake(spans) for spans in report.mistakes],
        "confusions": list(report.confusions)[:30],
        "examples": [(example, image_uri(example.image)) for example in report.examples],
        "configuration": parts.flat(report.configuration),
        "versions": parts.flat(report.versions),
    }


def image_uri(data: bytes) -> str:
    """An image as a data: address.

    Raises:
        ArgumentError: neither PNG nor JPEG.
    """
    if data.startswith(b"\x89PNG\r\n"):
        kind = "png"
    elif data.startswith(b"\xff\xd8\xff"):
        kind = "jpeg"
    else:
        raise ArgumentError(f"an image for the page begins with {data[:4]!r}: it is neither PNG nor JPEG")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
