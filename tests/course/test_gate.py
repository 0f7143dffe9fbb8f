"""What a check says of files that loop, crash, leave, or change what they should not."""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

import pytest
import torch

from gradcheck_lm.course import expect
from gradcheck_lm.course.checking.gate import check_file
from gradcheck_lm.course.checking.judge import Verdict, judge
from gradcheck_lm.course.language import Words
from gradcheck_lm.errors import DataError

CHECK = '''
from gradcheck_lm.course.expect import expect

def check_first(answer):
    """first
    一つ目"""
    expect(answer.value() == 1, ja="値は {value} です。", en="The value is {value}.", value=answer.value())

def check_second(answer):
    """second
    二つ目"""
    expect(answer.other() == 2, ja="違います。", en="It differs.")
'''


@pytest.fixture
def lesson(tmp_path: Path):
    folder = tmp_path / "l01_small"
    folder.mkdir()
    (folder / "check.py").write_text(CHECK, encoding="utf-8")

    def answer(text: str) -> Path:
        (folder / "exercise.py").write_text(text, encoding="utf-8")
        return folder / "exercise.py"

    return answer


GOOD = "def value():\n    return 1\n\ndef other():\n    return 2\n"


def test_a_good_file_passes(lesson) -> None:
    file = lesson(GOOD)
    assert judge(file.parent, file) == Verdict(True, "passed", "", Words("", ""), Words("", ""), held=2, total=2)


def test_it_stops_at_the_first_check_that_fails(lesson) -> None:
    file = lesson(GOOD.replace("return 1", "return 5").replace("return 2", "return 6"))
    verdict = judge(file.parent, file)
    assert (verdict.kind, verdict.check, verdict.held, verdict.total) == ("wrong", "check_first", 0, 2)
    assert verdict.title == Words("一つ目", "first")
    assert verdict.message == Words("値は 5 です。", "The value is 5.")


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        ("raise NotImplementedError", 2, "not written yet"),
        ("return 1 +* 2", 2, "not Python yet"),
        ("return value()", 2, "recursion is too deep"),
        ("exit()", 2, "ends itself"),
        ("return None.grad", 2, "`grad_fn` and `grad` are `None`"),
        ("import torch; torch.zeros(1).sum().backward()", 2, "has no graph"),
        ("return {}['x']", 2, "stopped with an error"),
        ("import torch; x = torch.ones(1, requires_grad=True).exp(); x.exp_().sum().backward()", 2, "was overwritten"),
    ],
)
def test_a_crash_is_explained_with_the_learners_line(lesson, body: str, line: int, says: str) -> None:
    file = lesson(GOOD.replace("return 1", body))
    verdict = judge(file.parent, file)
    assert verdict.kind == "crash"
    assert says in verdict.message.en
    assert verdict.line == line
    assert verdict.source == body
    assert verdict.message.ja != verdict.message.en


@pytest.mark.parametrize(
    ("body", "en", "ja"),
    [
        ("return None", "`value` returned None. Is a `return` missing?", "`value` から None が返りました。"),
        ("return 'x'", "What `value` returned: `str`", "`value` が返したもの: `str`"),
        ("import torch; return torch.ones(2, 3).half()",
         "What `value` returned: `Tensor(2, 3), float16, requires_grad=False`",
         "`value` が返したもの: `Tensor(2, 3), float16, requires_grad=False`"),
    ],
)  # fmt: skip
def test_where_a_check_stops_at_what_it_was_given_that_is_said_and_not_that_the_answer_crashed(
    lesson, body: str, en: str, ja: str
) -> None:
    file = lesson(GOOD.replace("return 1", body))
    check = CHECK.replace("answer.value() == 1", "answer.value() + [1] == 1")
    assert check != CHECK
    (file.parent / "check.py").write_text(check, encoding="utf-8")
    verdict = judge(file.parent, file)
    assert (verdict.kind, verdict.line) == ("crash", 0)
    assert en in verdict.message.en
    assert ja in verdict.message.ja
    assert "Your code stopped" not in verdict.message.en


def test_what_an_answer_switches_does_not_stay_switched(lesson) -> None:
    text = "import random, sys, torch\ntorch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)\n" + GOOD
    file = lesson(
        text.replace(
            "return 1", "random.seed(9)\n    torch.manual_seed(9)\n    sys.setrecursionlimit(5000)\n    return 1"
        )
    )
    state, python, limit = torch.get_rng_state(), random.getstate(), sys.getrecursionlimit()
    assert not judge(file.parent, file).passed  # who only answers leaves the world as it was
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == python
    assert sys.getrecursionlimit() == limit
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() is torch.float32


def test_an_edit_within_the_same_second_is_seen(lesson) -> None:
    file = lesson(GOOD.replace("return 1", "return 3"))
    assert not judge(file.parent, file).passed
    assert judge(file.parent, lesson(GOOD)).passed
    assert not list(file.parent.rglob("*.pyc"))


def test_checks_need_titles_in_both_languages_and_there_must_be_some(lesson) -> None:
    file = lesson(GOOD.replace("return 1", "return 3"))
    (file.parent / "check.py").write_text(CHECK.replace("    一つ目", ""), encoding="utf-8")
    with pytest.raises(DataError, match="two lines: English, then Japanese"):
        judge(file.parent, file)
    (file.parent / "check.py").write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(DataError, match="holds no function check_"):
        judge(file.parent, file)


def test_a_process_of_its_own_gives_the_same_verdict_and_what_was_printed(lesson) -> None:
    file = lesson("print('値', 5)\n" + GOOD.replace("return 1", "return 5"))
    verdict = check_file(file.parent, file)
    assert verdict.output == "値 5"
    assert verdict.message.ja == "値は 5 です。"
    assert not list(file.parent.rglob("*.pyc"))


def test_an_endless_loop_is_stopped(lesson) -> None:
    file = lesson("import time\nwhile True:\n    time.sleep(0.1)\n")
    verdict = check_file(file.parent, file, seconds=6)
    assert verdict.kind == "time"
    assert "within 6 seconds" in verdict.message.en
    assert "6 秒" in verdict.message.ja


def test_leaving_is_no_way_to_pass(lesson) -> None:
    verdict = check_file(lesson("").parent, lesson("import os\nprint('bye', flush=True)\nos._exit(0)\n"))
    assert (verdict.passed, verdict.kind, verdict.output) == (False, "died", "bye")
    assert "exit code 0" in verdict.message.en


def test_the_house_rule_names_what_is_missing() -> None:
    x = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
    truth = 2 * x.detach()
    what = Words("損失", "the loss")
    expect.expect_gradient(lambda: (x**2).sum(), x, truth, what=what)
    for loss, says in (
        (lambda: (x.detach() ** 2).sum(), "No gradient arrives from the loss"),
        (lambda: torch.ones((), requires_grad=True) * 2, "No gradient arrives"),
        (lambda: 3.0, "No gradient arrives"),
        (lambda: (x * 0).sum(), "exactly 0 everywhere"),
        (lambda: (x**2).sum() / 2, "not the right one"),
        (lambda: (x * float("nan")).sum(), "not the right one"),
    ):
        with pytest.raises(expect.Wrong, match=says):
            expect.expect_gradient(loss, x, truth, what=what)
    assert torch.allclose(expect.numerical_gradient(lambda: (x.detach() ** 2).sum(), x), truth, atol=1e-6)
    assert torch.allclose(expect.gradient_by_differences(lambda at: (at**2).sum(), x), truth, atol=1e-6)
    assert x.tolist() == [1.0, -2.0, 0.5], "the point itself is not moved"


@pytest.mark.parametrize(
    ("kinds", "given", "says"),
    [
        (torch.Tensor, 3.0, "`look` should return a tensor, but it returned `float`."),
        (float, torch.ones(()), "`look` should return a `float`, but it returned `Tensor`"),
        ((float, torch.Tensor), "3", "should return a number"),
        (bool, torch.ones((), dtype=torch.bool), "should return `True` or `False`"),
        ((list, tuple), None, "should return a list, but it returned None. Is a `return` missing?"),
    ],
)
def test_a_result_of_the_wrong_type_is_named_in_both_languages(kinds, given, says: str) -> None:
    with pytest.raises(expect.Wrong) as caught:
        expect.expect_type("look", kinds, given)
    assert says in caught.value.words.en
    assert ("`return`" in caught.value.words.en) == ("`return`" in caught.value.words.ja) == (given is None)
    assert re.fullmatch("`look` は.*を返すはずですが、.* が返りました。.*", caught.value.words.ja)
    with pytest.raises(KeyError):  # whoever writes a check says what to call other types, whatever the answer is
        expect.expect_type("look", dict, {})
    expect.expect_type("look", dict, {}, kind="a `dict`")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (torch.tensor(0.123456), "0.123"),
        (torch.tensor([1.0, 2.5]), "[1.0, 2.5]"),
        (None, "None"),
        ("low", "low"),
        (torch.zeros(100), " …"),
    ],
)
def test_whatever_was_returned_can_be_shown(given: object, shown: str) -> None:
    with pytest.raises(expect.Wrong, match=re.escape(shown)) as caught:
        expect.expect(False, ja="{found:.3f} です", en="It is {found:.3f}", found=given)
    assert len(caught.value.words.ja) < 150


def test_standard_errors() -> None:
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(4000, 2, 3, generator=generator) * 3 + 1
    assert expect.standard_errors(samples, torch.ones(2, 3)) < 4
    assert expect.standard_errors(samples, torch.full((2, 3), 1.5)) > 4
    constant = torch.full((10, 2), 2.0)
    assert expect.standard_errors(constant, torch.full((2,), 2.0)) == 0
    assert expect.standard_errors(constant, torch.full((2,), 2.1)) == float("inf")
