"""A kind of finding explained: as plain data, as paragraphs for a terminal, as Markdown, and where it stands online."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gradcheck_lm.flow.findings.kind import Cause, Kind
from gradcheck_lm.flow.findings.messages import Text

_PAGE = "findings"  # of the documentation
_WHY = Text("Why", "理由")
_CURES = Text("What to use instead", "代わりに使うもの")
_CAUSES = Text("More exactly", "さらに詳しく")
_EXAMPLE = Text("A program that gives it", "これが出るプログラム")
_INSTEAD = Text("And one that does not", "出ないプログラム")
_LESSON = Text("lesson", "レッスン")
_SINCE = Text("since version", "導入バージョン")
_SEVERITIES = {
    "error": Text("error: it keeps something from learning", "エラー: 学習を妨げる"),
    "warning": Text("warning: very likely not meant", "警告: 意図と違う可能性がとても高い"),
}
_TO_COME = Text(
    "Nothing looks for this kind yet: its code and its texts are given.",
    "この種類はまだ検出されません。コードと文章だけが決まっています。",
)


@dataclass(frozen=True)
class Part:
    """A paragraph, a list, causes with what helps in each, or a program, below a heading."""

    heading: str
    text: str = ""
    points: tuple[str, ...] = ()
    causes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    program: str = ""


def explanation(kind: Kind, language: str = "en") -> dict[str, Any]:
    """All that is known of a kind as plain data, its texts in one language."""
    about = kind.say(language=language)
    bridge = kind.bridge.how or kind.bridge.cannot
    return {
        "schema": 1,
        "language": language,
        "code": kind.code,
        "kind": kind.name,
        "title": about.title,
        "severity": kind.severity,
        "since": kind.since,
        "lesson": kind.lesson,
        "decided": kind.decided,
        "why": about.why,
        "cures": list(about.cures),
        "causes": [
            {"cause": cause.id, "why": _shown(cause.why, language), "cures": _all_shown(cause, language)}
            for cause in kind.causes
        ],
        "can_be_bridged": kind.bridge.how is not None,
        "bridge": _shown(bridge, language) if bridge is not None else "",
        "asked_by": kind.asked_by,
        "example": kind.example,
        "instead": kind.instead,
        "url": help_uri(kind),
    }


def parts_of(kind: Kind, language: str = "en") -> list[Part]:
    """A kind's texts and programs in the order in which a reader wants them."""
    about = kind.say(language=language)
    parts = [Part(_WHY.say(language), about.why), Part(_CURES.say(language), points=about.cures)]
    if kind.causes:
        told = tuple((_shown(cause.why, language), tuple(_all_shown(cause, language))) for cause in kind.causes)
        parts.append(Part(_CAUSES.say(language), causes=told))
    parts.append(Part(_EXAMPLE.say(language), program=kind.example))
    parts.append(Part(_INSTEAD.say(language), program=kind.instead))
    return parts


def headline(kind: Kind, language: str = "en") -> list[str]:
    """What stands above the parts: code and title, severity, since when, lesson; and that nothing looks for it yet."""
    traits = [
        _SEVERITIES[kind.severity].say(language),
        f"{_SINCE.say(language)} {kind.since}",
        f"{_LESSON.say(language)} {kind.lesson}",
    ]
    lines = [f"{kind.code} {kind.name}: {kind.heading.say(language)}", ", ".join(traits)]
    return lines if kind.decided else [*lines, _TO_COME.say(language)]


def markdown(kind: Kind, language: str = "en", *, level: int = 2) -> str:
    """A kind's section of the documentation, under an anchor that is its code."""
    title, *rest = headline(kind, language)
    blocks = [f'<a id="{kind.code}"></a>', f"{'#' * level} {title}", *rest]
    for part in parts_of(kind, language):
        blocks.append(f"**{part.heading}**")
        blocks += [_plain(part.text)] if part.text else []
        blocks += ["\n".join(f"- {_plain(point)}" for point in part.points)] if part.points else []
        blocks += ["\n".join(_cause_lines(part.causes))] if part.causes else []
        blocks += [f"```python\n{part.program.rstrip(chr(10))}\n```"] if part.program else []
    return "\n\n".join(blocks) + "\n"


def help_uri(kind: Kind) -> str | None:
    """Where the documentation explains a kind; None where the installed package does not say where its pages are."""
    pages = _project_url("documentation")
    return None if pages is None else f"{pages}/{_PAGE}.html#{kind.code}"


def lesson_uri(lesson: str, language: str = "en") -> str | None:
    """Where the documentation has a lesson as a page; None where its pages are not known, or there is no lesson."""
    pages = _project_url("documentation")
    return f"{pages}/lessons/{language}/{lesson}.html" if pages is not None and lesson else None


def home_page() -> str | None:
    """Where the project lives; None where the installed package does not say."""
    return _project_url("homepage") or _project_url("documentation")


def _project_url(wanted: str) -> str | None:
    try:
        urls = importlib.metadata.metadata("gradcheck_lm").get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for entry in urls:
        label, _, url = entry.partition(",")
        if label.strip().lower() == wanted and url.strip():
            return url.strip().rstrip("/")
    return None


def _cause_lines(causes: Iterable[tuple[str, tuple[str, ...]]]) -> list[str]:
    return [
        line for why, cures in causes for line in (f"- {_plain(why)}", *(f"    - {_plain(cure)}" for cure in cures))
    ]


def _plain(text: str) -> str:
    """A text of which Markdown makes no markup: [*a, *b] and <name> stay as they are."""
    return re.sub(r"([*<\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", text)


def _shown(text: Text, language: str) -> str:
    """A text whose values are not known yet: their names stand in its place."""
    return text.say(language, {field: f"<{field}>" for field in text.fields})


def _all_shown(cause: Cause, language: str) -> list[str]:
    return [_shown(cure, language) for cure in cause.cures]
