"""The lessons' pages in docs say what the lessons say today, in both languages; measured numbers may differ."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from course_folder import FOLDERS, LESSONS, NAMES

from gradcheck_lm.bench.pages.lesson_pages import navigation, run_page, write_lesson_pages
from gradcheck_lm.course.beats import BEATS
from gradcheck_lm.course.checking.judge import checks_of, title_of
from gradcheck_lm.course.folder.catalogue import lessons_in, read_lesson
from gradcheck_lm.course.language import LANGUAGES, Words
from gradcheck_lm.course.publishing.narration import pairs_in
from gradcheck_lm.course.publishing.pages import Page, body, index_page
from gradcheck_lm.course.screen import comments
from gradcheck_lm.course.screen.comments import english_left, in_english, in_japanese
from gradcheck_lm.errors import GradcheckLMError

DOCS = LESSONS.parent / "docs"
STALE = "the page is not what the lesson says today; type: make docs"
every_page = pytest.mark.parametrize("language", LANGUAGES)
every_lesson = pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)


def page_of(folder: Path, language: str) -> str:
    return (DOCS / "lessons" / language / f"{folder.name}.md").read_text(encoding="utf-8")


def plain(text: str) -> str:
    """Text without Markdown's backslashes, its white space as single blanks."""
    return re.sub(r"\s+", " ", re.sub(r"\\([\\*_<>\[\]#~|])", r"\1", text))


def pattern(text: str) -> str:
    """A regular expression for a text of narration whose placeholders are filled with anything."""
    pieces = re.split(r"(\{\w+(?::[^{}]*)?\})", plain(text))
    return "".join(".+?" if i % 2 else re.escape(piece) for i, piece in enumerate(pieces)).replace("{{", "{")


@every_page
@every_lesson
def test_a_page_holds_all_that_its_lesson_says(folder: Path, language: str) -> None:
    page, lesson = page_of(folder, language), read_lesson(folder)
    text = plain(page)
    titles = [title_of(check) for check in checks_of(folder).values()]
    for words in (lesson.title, lesson.aha, *titles):
        assert plain(words.in_language(language)) in text, STALE
    for pair in pairs_in(folder / "lesson.py"):
        if pair.speaker == "option":
            continue  # the help of a script's option
        assert re.search(pattern(pair.ja if language == "ja" else pair.en), text), f"{pair.line}: {STALE}"
    heads = re.findall(r"^## (.*)$", re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    assert heads[:-1] == [f"{b.title.in_language(language)}: {b.purpose.in_language(language)}" for b in BEATS], STALE


@every_page
@every_lesson
def test_a_page_shows_the_code_and_the_pictures(folder: Path, language: str) -> None:
    page, source = page_of(folder, language), (folder / "lesson.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    functions = {one.name: ast.get_source_segment(source, one) for one in tree.body if hasattr(one, "name")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "code":
            name = getattr(node.args[0], "id", "")
            shown = str(functions.get(name, ""))
            assert (in_japanese(shown) if language == "ja" else shown) in page, f"{name}: {STALE}"
            assert not english_left(shown), f"{name}: a comment that {comments.__file__} has no Japanese for"
    drawn = re.findall(r"\]\((\.\./figures/[^)]*)\)", page)
    assert drawn
    for address in drawn:
        assert (DOCS / "lessons" / language / address).is_file(), address
    kept = {path.name for path in (DOCS / "lessons" / "figures" / folder.name).iterdir()}
    kept = {name for name in kept if name.endswith(".ja.svg") == (language == "ja")}  # each language has its own
    assert kept == {Path(address).name for address in drawn}, STALE


def test_pages_and_pictures_hold_no_path_of_a_machine() -> None:
    files = [path for path in (DOCS / "lessons").rglob("*") if path.is_file()]
    assert len(files) > 2 * len(NAMES)
    for path in files:
        assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|Users)/", path.read_text(encoding="utf-8")), path


def test_no_page_is_left_of_a_lesson_that_is_gone() -> None:
    for language in LANGUAGES:
        assert {path.stem for path in (DOCS / "lessons" / language).glob("*.md")} == {*NAMES, "index"}
    assert {path.name for path in (DOCS / "lessons" / "figures").iterdir()} == set(NAMES)


def test_the_lists_of_lessons_are_up_to_date() -> None:
    lessons = lessons_in(LESSONS)
    for language in LANGUAGES:
        assert (DOCS / "lessons" / language / "index.md").read_text(encoding="utf-8") == index_page(lessons, language)
    text = (DOCS / "zensical.toml").read_text(encoding="utf-8")
    assert navigation(text, lessons) == text
    assert all(text.count(f'"lessons/{language}/{name}.md"') == 1 for language in LANGUAGES for name in NAMES)


@pytest.mark.parametrize(
    ("event", "markdown"),
    [
        ({"kind": "say", "ja": "*これ* は `a_b` です。", "en": "*This* is `a_b`, not a_b."},
         r"\*This\* is `a_b`, not a\_b."),
        ({"kind": "ask", "ja": "なぜですか。", "en": "Why?"}, "> **Your guess first.** Why?"),
        ({"kind": "ask", "ja": "", "en": "Which?", "choices": [{"ja": "", "en": "one"}, {"ja": "", "en": "f(c)"},
                                                              {"ja": "", "en": "`(c)`"}]},
         "> **Your guess first.** Which?\n>\n> (a) one\n>\n> (b) f\\(c)\n>\n> \\(c) `(c)`"),  # no sign of copyright
        ({"kind": "answer", "ja": "", "en": "The answer is (c): x"}, "**The answer is \\(c): x**"),
        ({"kind": "code", "text": "x = 1"}, "```python\nx = 1\n```"),
        ({"kind": "show", "text": "a ``` b"}, "````text\na ``` b\n````"),
        ({"kind": "table", "columns": ["a|b", "c"], "rows": [[0.123456, True], ["x", 7]]},
         "| a\\|b | c |\n|---|---|\n| 0.1235 | True |\n| x | 7 |"),
        ({"kind": "picture", "text": "tree", "text_ja": "木", "files": {"en": "p.svg", "ja": "p.ja.svg"}},
         "```text\ntree\n```\n\n[![p](../figures/l/p.svg)](../figures/l/p.svg)"),
        ({"kind": "picture", "text": "tree\n", "text_ja": "木\n", "files": {"en": "p.dot", "ja": "p.ja.dot"}},
         "```text\ntree\n```"),
        ({"kind": "told", "text": "BROKEN", "text_ja": "異常"}, "```text\nBROKEN\n```"),
        ({"kind": "beat", "name": "why"}, "## Why: the reason"),
        ({"kind": "title", "ja": "題", "en": "Title"}, ""),
    ],
)  # fmt: skip
def test_what_is_said_and_shown_becomes_markdown(event: dict, markdown: str) -> None:
    assert "\n\n".join(body([event], "l", "en")) == markdown


def test_comments_are_told_in_japanese_and_code_stays_as_it_is() -> None:
    source = '''def f(x):
    """The same penalty without create_graph."""
    return x  # without the blank
    # of shape ()
    y = "  # not known"  # not known  # fmt: skip'''
    assert (
        in_japanese(source)
        == '''def f(x):
    """同じペナルティで、create_graph がないもの。"""
    return x  # ブランクを除く
    # 形は ()
    y = "  # not known"  # not known  # fmt: skip'''
    )
    assert english_left(source) == ['not known"  # not known  # fmt: skip']


def test_of_a_docstring_in_both_languages_a_learner_is_shown_one() -> None:
    source = '''def f(x):
    """What was read: (T, 1, C).

    Its gradient is that of softmax.
    読みを返す: (T, 1, C)。
    勾配は softmax のもの。
    """
    # English stays in an English listing
    # 日本語の注釈
    return g(x)


def g(x):
    """The tensors. / テンソル。"""
    return """not a docstring / 文字列"""


def h(x):
    """The sum.

    和。
    """'''
    assert (
        in_english(source)
        == '''def f(x):
    """What was read: (T, 1, C).

    Its gradient is that of softmax.
    """
    # English stays in an English listing
    return g(x)


def g(x):
    """The tensors."""
    return """not a docstring / 文字列"""


def h(x):
    """The sum."""'''
    )
    japanese = in_japanese(source)
    assert '"""読みを返す: (T, 1, C)。\n    勾配は softmax のもの。\n    """' in japanese
    assert '    """テンソル。"""\n' in japanese
    assert japanese.endswith('    """和。"""')
    assert not re.search("What was read|The tensors|The sum", japanese)
    plain = 'def f():\n    """One.\n\n    Two.\n    """'
    assert in_japanese(plain) == in_english(plain) == plain


def test_the_japanese_page_has_its_own_words() -> None:
    events = [
        {"kind": "beat", "name": "look"},
        {"kind": "code", "text": "x = 1  # one", "text_ja": "x = 1  # 一"},
        {"kind": "show", "text": "a = 1", "text_ja": "あ = 1"},
        {"kind": "show", "text": "b = 2", "text_ja": "い = 2"},
        {
            "kind": "picture",
            "text": "1. cut: why",
            "text_ja": "1. 切断: 理由",
            "files": {"en": "p.svg", "ja": "p.ja.svg"},
        },
        {"kind": "told", "text": "BROKEN", "text_ja": "異常"},
        {"kind": "say", "ja": "勾配です。", "en": "A gradient."},
    ]
    lessons = lessons_in(LESSONS)
    page = Page(lessons[0], events, [Words("正しい", "right")], lessons[1]).markdown("ja")
    assert page.startswith(f"# 第 1 課 {lessons[0].title.ja}\n")
    assert "```text\nあ = 1\nい = 2\n```" in page
    assert "1. 切断: 理由" in page
    assert "```text\n異常\n```" in page
    assert "```python\nx = 1  # 一\n```" in page
    assert not re.search("cut: why|BROKEN|# one", page)
    assert "勾配です。" in page
    assert "A gradient." not in page
    assert "p.ja.svg)" in page
    assert "p.svg" not in page
    assert f"[English](../en/{lessons[0].name}.md)" in page
    assert page.rstrip().endswith(f"[{lessons[1].title.ja}]({lessons[1].name}.md)")


def test_a_lesson_that_fails_is_named_with_what_it_printed(tmp_path: Path) -> None:
    from course_folder import copy_course

    course = copy_course(tmp_path / "lessons", NAMES[0])
    (course / NAMES[0] / "lesson.py").write_text("print('before')\nraise SystemExit('it broke')\n", encoding="utf-8")
    with pytest.raises(GradcheckLMError, match=rf"(?s){NAMES[0]} ended with 1:.*it broke"):
        write_lesson_pages(tmp_path / "out", course=course)
    with pytest.raises(GradcheckLMError, match="holds no lessons"):
        write_lesson_pages(tmp_path / "out", course=tmp_path)


def test_writing_the_pages_of_one_lesson(tmp_path: Path) -> None:
    old = tmp_path / "figures" / NAMES[0] / "no-longer-drawn.svg"
    old.parent.mkdir(parents=True)
    old.touch()
    written = write_lesson_pages(tmp_path, names=NAMES[:1])
    assert not old.exists()
    assert {path.relative_to(tmp_path).as_posix() for path in written if path.suffix == ".md"} == {
        f"{language}/{name}.md" for language in LANGUAGES for name in (NAMES[0], "index")
    }
    assert all(path.is_file() for path in written)
    assert skeleton((tmp_path / "en" / f"{NAMES[0]}.md").read_text(encoding="utf-8")) == skeleton(
        page_of(FOLDERS[0], "en")
    ), STALE


def skeleton(page: str) -> list[str]:
    """A page without its numbers, and without the insides of what was printed."""
    page = re.sub(r"^```text$.*?^```$", "(printed)", page, flags=re.DOTALL | re.MULTILINE)
    page = re.sub(r"^\| .*\|$", lambda match: "|" * match[0].count("|"), page, flags=re.MULTILINE)
    return re.sub(r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?", "#", page).splitlines()


@pytest.mark.slow
@every_lesson
def test_a_page_is_what_a_run_makes_of_it_today(folder: Path, tmp_path: Path) -> None:
    lessons = lessons_in(LESSONS)
    place = NAMES.index(folder.name)
    page = run_page(lessons[place], tmp_path, lessons[place + 1] if place + 1 < len(lessons) else None)
    for language in LANGUAGES:
        assert skeleton(page.markdown(language)) == skeleton(page_of(folder, language)), STALE
