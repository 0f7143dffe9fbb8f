"""Generated mutants change what their names say, and the watch around a learner's calls sees what they do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from gradcheck_lm.course.checking.guarding import WORLD
from gradcheck_lm.course.checking.judge import judge
from gradcheck_lm.course.mutating import effects
from gradcheck_lm.course.mutating.effects import SIDE_EFFECTS
from gradcheck_lm.course.mutating.operators import generate
from gradcheck_lm.course.mutating.strength import measure
from gradcheck_lm.errors import DataError

SOLUTION = """
import torch

def total(tensors, scale=2.0):
    # >>> hole: total
    # en: add
    # ja: 足す
    return sum(tensor.sum() for tensor in tensors) * scale
    # --- broken
    # return 0
    # <<< hole
"""
CHECK = '''
import torch
from gradcheck_lm.course.expect import expect

def check_value(answer):
    """value
    値"""
    a, b = torch.tensor([[1.0, -2.0], [5.0, 7.0]], requires_grad=True), torch.tensor([3.0, 4.0])
    {body}
'''
STRONG = """for given, right in (({}, 36.0), ({"scale": 3.0}, 54.0), ({"scale": -1.0}, -18.0)):
        found = answer.total([a, b], **given)
        expect(abs(found.item() - right) < 1e-6, ja="値", en="value")
        (slope,) = torch.autograd.grad(found, a)
        expect(torch.equal(slope, torch.full((2, 2), right / 18)), ja="勾配", en="gradient")"""
WEAK = 'expect(abs(answer.total([a, b]).item()) > 0, ja="値", en="value")'


@pytest.fixture
def lesson(tmp_path: Path):
    def make(body: str, equal: str = "{}") -> Path:
        (tmp_path / "solution.py").write_text(SOLUTION, encoding="utf-8")
        (tmp_path / "check.py").write_text(CHECK.replace("{body}", body), encoding="utf-8")
        (tmp_path / "mutants.py").write_text(f"MUTANTS = {{}}\nEQUAL = {equal}\n", encoding="utf-8")
        return tmp_path

    return make


def test_mutants_of_every_family_are_made(lesson) -> None:
    names = {mutant.name.split("  `")[0] for mutant in generate(lesson(WEAK) / "solution.py")}
    wanted = {"argument ignored", "argument: first", "argument: last", "argument: detach", "argument: axis_0",
              "sum -> mean", "operator", "result: negate", "result: absolute", "loop: head", "loop: tail"}  # fmt: skip
    wanted |= {f"side effect: {kind}" for kind in SIDE_EFFECTS}
    assert {f"total: {name}" for name in wanted} <= names


def test_a_weak_check_lets_mutants_live_and_a_strong_one_none(lesson) -> None:
    weak = measure(lesson(WEAK))["total"]
    assert weak.survivors
    assert weak.share < 0.8
    assert any("argument ignored" in name for name in weak.survivors)
    strong = measure(lesson(STRONG))["total"]
    assert strong.survivors == []
    assert strong.share == 1.0
    assert strong.mutants > 20


def test_a_mutant_recorded_as_equal_is_counted_apart(lesson) -> None:
    weak = measure(lesson(WEAK))["total"]
    name = weak.survivors[0]
    again = measure(lesson(WEAK, repr({name: "for the test"})))["total"]
    assert name not in again.survivors
    assert again.equal == weak.equal + 1


def test_an_effect_that_changes_nothing_is_no_mutant() -> None:
    effects.begin_anew()
    assert effects.absolute(torch.ones(2)).sum() == 2
    assert effects.detach(3) == 3
    assert not effects.applied()
    assert effects.absolute(-torch.ones(2)).sum() == 2
    assert effects.applied()


GUARD = '''
def check_call(answer):
    """call
    呼び出し"""
    import torch
    from torch import nn
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)).train()
    loss = model[0](torch.ones(1, 2)).square().sum()
    answer.look(model, loss)
'''


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("pass", ""),
        ("loss.backward(retain_graph=True)", "`.grad` of an argument"),
        ("model.zero_grad(); [setattr(p, 'grad', None) for p in model.parameters()]", "`.grad` of an argument"),
        ("model.eval()", "the mode"),
        ("model.requires_grad_(False)", "`requires_grad` of an argument"),
        ("[p.data.add_(1) for p in model.parameters()]", "the value of an argument"),
        ("torch.rand(1)", "the random state"),
        ("torch.set_grad_enabled(False)", "whether gradients are recorded"),
        ("torch.set_default_dtype(torch.float64)", "the default dtype"),
        ("torch.autograd.grad(loss, list(model.parameters()))", "used up"),
    ],
)
def test_the_world_is_compared_with_before_around_each_call(tmp_path: Path, body: str, says: str) -> None:
    (tmp_path / "check.py").write_text(GUARD, encoding="utf-8")
    answer = tmp_path / "exercise.py"
    answer.write_text(f"import torch\n\ndef look(model, loss):\n    {body}\n", encoding="utf-8")
    verdict = judge(tmp_path, answer)
    assert verdict.passed == (not says), verdict
    assert says in verdict.message.en
    assert torch.is_grad_enabled()
    if says:
        (tmp_path / "check.py").write_text(
            f"{GUARD}\nMAY_CHANGE = {{'look': {set(WORLD)!r}}}\n",
            encoding="utf-8",
        )
        assert judge(tmp_path, answer).passed, "what check.py allows is no fault"


def test_a_change_that_there_is_no_word_for_cannot_be_allowed(tmp_path: Path) -> None:
    (tmp_path / "check.py").write_text(f"{GUARD}\nMAY_CHANGE = {{'look': {{'grads'}}}}\n", encoding="utf-8")
    answer = tmp_path / "exercise.py"
    answer.write_text("def look(model, loss):\n    pass\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"MAY_CHANGE\['look'\] holds 'grads'; it may hold grad, requires_grad, mode"):
        judge(tmp_path, answer)


def test_an_empty_grad_is_lent_a_mark_and_gets_it_back() -> None:
    from types import ModuleType

    from gradcheck_lm.course.checking.guarding import Guarded

    module = ModuleType("answer")
    exec("def look(model):\n    return [p.grad is None for p in model.parameters()]", module.__dict__)
    model = nn.Linear(2, 2)
    assert Guarded(module, {}).look(model) == [False, False]
    assert all(one.grad is None for one in model.parameters())
