"""Wrong answers that were given at a terminal, and what was said of another mistake than theirs."""

from __future__ import annotations

import io
import types
from pathlib import Path

import pytest
from course_folder import LESSONS
from rich.console import Console

from gradcheck_lm.course import say
from gradcheck_lm.course.checking.crashes import explain_crash
from gradcheck_lm.course.checking.guarding import Guarded
from gradcheck_lm.course.checking.judge import judge
from gradcheck_lm.course.folder.generator import answer_text
from gradcheck_lm.course.mutants import mutants_of
from gradcheck_lm.course.screen.showing import show

SAID = [
    ("l15", "divides_the_loss_returned_alone", "長さが 10 倍です", "is 10 times as long"),
    ("l15", "uses_an_iterator_up", "イテレータのこともあります", "may be an iterator"),
    ("l15", "takes_the_mean_of_means", "大きさで重みをつけましたか", "weighted by their size"),
    ("l15", "cuts_the_state_at_each_row", "一行ごとに切り離されています", "cut off at each row"),
    ("l15", "puts_copies_back", "別のテンソルです", "is another tensor"),
    ("l15", "thaws_what_was_frozen", "`requires_grad` が呼ぶ前と違います", "`requires_grad` of an argument differs"),
    ("l15", "retains_the_graph", "前のステップまで続いていませんか", "reach back into the step before"),
    ("l20", "divides_by_the_scale_after_the_update", "`update()` の前のスケール", "the one from before"),
    ("l20", "clips_before_unscaling", "まだスケールの掛かった勾配", "still multiplied by it"),
]


@pytest.mark.parametrize(("lesson", "name", "ja", "en"), SAID)
def test_a_wrong_answer_is_told_its_own_mistake(lesson: str, name: str, ja: str, en: str, tmp_path: Path) -> None:
    (folder,) = LESSONS.glob(f"{lesson}_*")
    file = tmp_path / "exercise.py"
    file.write_text(answer_text(folder, mutants_of(folder)[name].holes), encoding="utf-8")
    verdict = judge(folder, file)
    assert not verdict.passed
    assert ja in " ".join(verdict.message.ja.split())
    assert en in " ".join(verdict.message.en.split())


def test_a_graph_that_is_used_up_is_no_call_for_retain_graph_first() -> None:
    said = explain_crash(RuntimeError("Trying to backward through the graph a second time (or ...)"))
    for text in (said.ja, said.en):
        assert "detach()" in text
        assert text.index("detach()") < text.index("retain_graph=True")


def test_an_iterator_stays_one_that_can_be_gone_through_once() -> None:
    module = types.ModuleType("answer")
    exec("def twice(values):\n    return sum(1 for _ in values), sum(1 for _ in values)\n", module.__dict__)
    guarded = Guarded(module, {})
    assert guarded.twice(iter([1, 2, 3])) == (3, 0)
    assert guarded.twice([1, 2, 3]) == (3, 3)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_long_value_ends_its_lines_between_words(language: str) -> None:
    written = io.StringIO()
    say.use_voice(language, Console(file=written, width=60, color_system=None, force_terminal=False))
    value = "Trying to backward through the graph a second time (or directly access saved tensors)"
    show("error", value)
    lines = written.getvalue().splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) < 60
    assert " ".join(" ".join(lines).split()).endswith(value)
    show("x", "a" * 200)
    assert written.getvalue().count("a" * 40) >= 3, "what has no blank is whole, piece by piece"
    assert say.voice().events[0]["text"] == f"error = {value}", "the record is as it was"
    say._voice.clear()
