"""A lesson as a page of the documentation, in one language, from what its script said and showed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradcheck_lm.course.beats import BEATS
from gradcheck_lm.course.choices import LETTERS
from gradcheck_lm.course.folder.catalogue import COMMAND, Lesson
from gradcheck_lm.course.language import LANGUAGES, Words

_TITLE = Words("第 {number} 課 {title}", "Lesson {number}: {title}")
_RUN = Words(
    "このページは `{script}` を一度実行した記録から作りました。数字はそのときの値です。自分の画面で読むには:",
    "This page is made from one run of `{script}`; the numbers are those of that run. To read it at your own screen:",
)
_GUESS = Words("予想", "Your guess first")
_EXERCISE = Words("演習", "The exercise")
_MEND = Words(
    "`{file}` を直し、次のコマンドで調べます。赤い表示は異常ではありません。コードはわざと壊してあります。",
    "Fix `{file}`, and check it with the command below. Red is expected: the code is broken on purpose.",
)
_CHECKS = Words("検査は次のことを確かめます。", "The checks ask whether")
_STRENGTH = Words(
    "検査の強さ: 解答から自動で作った誤答(ミュータント)のうち、検査が検出したもの。",
    "How strong the checks are: wrong answers generated from the solution (mutants), and how many the checks reject.",
)
_HOLE = Words("| TODO | 誤答 | 検出 | 同値 |", "| TODO | wrong answers | rejected | equal |")
_INDEX = Words("課の一覧", "All lessons")
_NOTEBOOK = Words("ノートブック", "As a notebook")
_NEXT = Words("次の課", "Next lesson")


@dataclass(frozen=True)
class Page:
    """What a page is made of.

    Attributes:
        lesson: its folder's texts.
        events: the record that `lesson.py --record` wrote.
        checks: titles of its checks, in order.
        following: the next lesson, or None.
        strength: hole -> numbers of mutants, of those rejected, of those that are no different from the solution.
    """

    lesson: Lesson
    events: Sequence[Mapping[str, Any]]
    checks: Sequence[Words]
    following: Lesson | None = None
    strength: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def markdown(self, language: str) -> str:
        """The page as Markdown.

        Args:
            language: "ja" or "en".
        """
        lesson = self.lesson
        script, exercise = f"lessons/{lesson.name}/lesson.py", f"lessons/{lesson.name}/exercise.py"
        title = _TITLE.filled(number=lesson.number, title=lesson.title).in_language(language)
        run = _RUN.filled(script=script).in_language(language)
        command = f"python {script} --lang {language}"
        parts = [f"# {title}", _links(lesson, language)]
        parts += [run, _fence(command, "console")]
        parts += body(self.events, lesson.name, language)
        parts += [f"**{_escaped(lesson.aha.in_language(language))}**"]  # after the question that it answers
        check = f"{COMMAND} check {lesson.name}"
        parts += [f"## {_EXERCISE.in_language(language)}", _MEND.filled(file=exercise).in_language(language)]
        parts += [_fence(check, "console"), _CHECKS.in_language(language)]
        parts.append("\n".join(f"- {_escaped(words.in_language(language))}" for words in self.checks))
        if self.strength:
            rows = [f"| `{hole}` | {one['mutants']} | {one['rejected']} | {one['equal']} |"
                    for hole, one in self.strength.items()]  # fmt: skip
            parts += [_STRENGTH.in_language(language)]
            parts.append("\n".join([_HOLE.in_language(language), "|---|---|---|---|", *rows]))
        if self.following is not None:
            name, words = self.following.name, self.following.title
            parts.append(f"{_NEXT.in_language(language)}: [{words.in_language(language)}]({name}.md)")
        return "\n\n".join(parts) + "\n"


def index_page(lessons: Sequence[Lesson], language: str) -> str:
    """The table of all lessons in one language, as Markdown."""
    heads = Words("| 課 | 題 |", "| lesson | title |").in_language(language)
    title = Words("課の一覧", "The lessons").in_language(language)
    start = Words(
        "番号順に進みます。次に何をすればよいかは、このコマンドで分かります。",
        "They build on one another. This command always names the one thing to do next.",
    ).in_language(language)
    rows = [
        f"| {lesson.number} | [{_cell(lesson.title.in_language(language))}]({lesson.name}.md) |" for lesson in lessons
    ]
    command = _fence(COMMAND, "console")
    return "\n\n".join([f"# {title}", start, command, "\n".join([heads, "|---|---|", *rows])]) + "\n"


def body(events: Sequence[Mapping[str, Any]], name: str, language: str) -> list[str]:
    """The parts of a page between its head and its exercise: one for each thing said or shown."""
    parts: list[str] = []
    shown: list[str] = []
    for event in events:
        if event["kind"] == "show":
            shown.append(str(event["text_ja" if language == "ja" else "text"]))
            continue
        if shown:
            parts.append(_fence("\n".join(shown)))
            shown = []
        parts += _part(event, name, language)
    return [*parts, _fence("\n".join(shown))] if shown else parts


def _part(event: Mapping[str, Any], name: str, language: str) -> list[str]:
    kind = event["kind"]
    if kind == "beat":
        beat = next(beat for beat in BEATS if beat.name == event["name"])
        return [f"## {beat.title.in_language(language)}: {beat.purpose.in_language(language)}"]
    if kind == "say":
        return [_escaped(event[language])]
    if kind == "ask":
        choices = [f">\n> {_escaped(f'({letter}) {one[language]}')}" for letter, one in
                   zip(LETTERS, event.get("choices", ()), strict=False)]  # fmt: skip
        return ["\n".join([f"> **{_GUESS.in_language(language)}.** {_escaped(event[language])}", *choices])]
    if kind == "answer":
        return [f"**{_escaped(event[language])}**"]
    if kind == "code":
        return [_fence(_shown(event, language), "python")]
    if kind == "table":
        suffix = "_ja" if language == "ja" and "rows_ja" in event else ""
        return [_table(event["columns" + suffix], event["rows" + suffix])]
    if kind == "told":
        return [_fence(_shown(event, language))]
    if kind == "picture":
        return _picture(event, name, language)
    return []  # the title stands at the head already


def _picture(event: Mapping[str, Any], name: str, language: str) -> list[str]:
    parts, drawn = [_fence(_shown(event, language))], str(event["files"][language])
    if drawn.endswith(".svg"):  # wide ones are small on the page: the link opens them in full
        address = f"../figures/{name}/{drawn}"
        parts.append(f"[![{drawn.partition('.')[0]}]({address})]({address})")
    return parts


def _shown(event: Mapping[str, Any], language: str) -> str:
    return str(event["text_ja" if language == "ja" else "text"]).rstrip()


def _links(lesson: Lesson, language: str) -> str:
    other = next(one for one in LANGUAGES if one != language)
    called = {"ja": "日本語", "en": "English"}[other]
    notebook = f"[{_NOTEBOOK.in_language(language)}](../notebooks/{language}/{lesson.name}.ipynb)"
    return f"[{called}](../{other}/{lesson.name}.md) · [{_INDEX.in_language(language)}](index.md) · {notebook}"


def _fence(text: str, language: str = "text") -> str:
    marks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{marks}{language}\n{text}\n{marks}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(_cell(column) for column in columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return _escaped(text).replace("|", "\\|") or " "


# what Markdown and HTML take for more than it is; the site makes a sign of copyright of a third choice
_MEANT = re.compile(r"([\\*_<>\[\]#~]|\((?=(?:c|r|tm)\)))", re.IGNORECASE)


def _escaped(text: str) -> str:
    """Prose in which Markdown and HTML mean nothing, except for code in backticks."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if piece.startswith("`") else _MEANT.sub(r"\\\1", piece) for piece in pieces)
