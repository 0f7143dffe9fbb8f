"""What if one cut let the gradient through: against straight-through estimators written by hand."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from flow_story import Trainer, marked
from forked_python import run_python
from torch import Tensor, nn
from what_if_programs import (
    CASES,
    DATA,
    LAYER,
    TABLE,
    argmax_embedding,
    argmax_embedding_soft,
    hard_with,
    no_plain_number,
    norm_of,
    numpy_and_back,
    the,
)

from gradcheck_lm.flow import Diagnosis, Finding, WhatIf, diagnose


@pytest.fixture(scope="module")
def story() -> Diagnosis:
    trainer = Trainer()
    return diagnose(trainer.terms, trainer.recogniser)


@pytest.mark.needs("transformers", "numpy")
def test_the_chain_of_the_story_one_cut_at_a_time(story: Diagnosis) -> None:
    argmax, left, fresh, switched = story.errors
    first = story.what_if(argmax)
    assert (first.bridged, first.arrives, first.gradient_norm) == (True, False, 0.0)
    assert first.next_cut is not None
    assert (first.next_cut.kind, first.next_cut.line) == ("left_torch", marked("argmax"))
    assert [finding.kind for finding in first.diagnosis.errors] == ["left_torch", "new_leaf", "grad_disabled"]
    for finding in (left, fresh):  # the ids are characters' codes when they come back: nothing to hand a gradient to
        answer = story.what_if(finding)
        assert (answer.bridged, answer.arrives, answer.next_cut) == (False, False, None)
        assert "policy_gradient" in answer.note
        assert "cannot be bridged" in str(answer)
    last = story.what_if(switched)
    assert (last.bridged, last.arrives) == (True, False)
    assert last.next_cut is not None
    assert (last.next_cut.kind, last.next_cut.line) == ("discrete_op", marked("argmax"))
    assert [finding.kind for finding in last.diagnosis.errors] == ["discrete_op", "left_torch", "new_leaf"]


@pytest.mark.needs("transformers", "numpy")
def test_bridges_stay_in_place_when_the_answer_is_asked_again() -> None:
    trainer = Trainer()
    table = nn.Embedding(40, 4).requires_grad_(False)

    def loss() -> Tensor:
        ids = trainer.recogniser(trainer.images).argmax(-1).reshape(-1).tolist()
        back = torch.tensor(ids)
        with torch.no_grad():
            rows = table(back)
        return rows.square().sum()

    diagnosis = diagnose(loss, trainer.recogniser)
    kinds = []
    answer: WhatIf | None = None
    finding: Finding | None = diagnosis.findings[0]
    while finding is not None:
        kinds.append(finding.kind)
        answer = diagnosis.what_if(finding)
        diagnosis, finding = answer.diagnosis, answer.next_cut
    assert kinds == ["discrete_op", "left_torch", "grad_disabled"]  # the two ends of a round trip are one bridge
    assert answer is not None
    assert answer.arrives
    assert diagnosis.ok
    logits = trainer.recogniser(trainer.images).reshape(-1, 30)
    choice = hard_with(F.one_hot(logits.argmax(-1), 30), logits.softmax(-1))
    reference = norm_of((choice @ table.weight[:30]).square().sum(), list(trainer.recogniser.parameters()))
    assert answer.gradient_norm == pytest.approx(reference, rel=1e-4)
    assert "2 more bridged before it" in str(answer)


# torch's own warning on torch.tensor(list of tensors), once a process: the program does what it warns of on purpose
@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True:UserWarning")
@pytest.mark.parametrize(("kind", "cut", "reference"), CASES, ids=[f"{kind}-{cut.__name__}" for kind, cut, _ in CASES])
def test_one_bridge_suffices_and_the_norm_is_right(
    kind: str, cut: Callable[[], Tensor | float], reference: Callable[[], Tensor]
) -> None:
    diagnosis = diagnose(cut, LAYER)
    assert not diagnosis.ok
    answer = diagnosis.what_if(the(diagnosis, kind))
    assert answer.bridged, answer.note
    assert answer.arrives
    assert answer.next_cut is None
    assert answer.diagnosis.ok
    assert "loss itself changed" not in answer.note  # the value is the real operation's, bit for bit
    loss = reference()
    assert float(loss.detach()) == pytest.approx(float(torch.as_tensor(cut()).detach()), rel=1e-5)
    assert answer.gradient_norm == pytest.approx(norm_of(loss, list(LAYER.parameters())), rel=1e-4)
    for name, tensor in LAYER.named_parameters():
        assert answer.norms[name] == pytest.approx(norm_of(reference(), [tensor]), rel=1e-4)


@pytest.mark.needs("numpy")
def test_two_cuts_of_a_numpy_round_trip() -> None:
    diagnosis = diagnose(numpy_and_back, LAYER)
    assert [finding.kind for finding in diagnosis.errors] == ["grad_disabled", "left_torch", "new_leaf"]
    first = diagnosis.what_if(diagnosis.findings[0])
    assert first.next_cut is not None
    assert first.next_cut.kind == "left_torch"
    second = first.diagnosis.what_if(first.next_cut)
    assert second.arrives
    assert second.gradient_norm == pytest.approx(norm_of(no_plain_number(), list(LAYER.parameters())), rel=1e-4)


def test_only_what_the_bridge_lets_through_is_measured() -> None:
    """In a sum with a healthy addend the norm is the dead addend's alone."""

    def loss() -> Tensor:
        return LAYER(DATA).square().mean() + 0.1 * argmax_embedding()

    diagnosis = diagnose(loss, LAYER)
    assert len(diagnosis.dead) == 1
    answer = diagnosis.what_if(diagnosis.findings[0])
    reference = norm_of(0.1 * argmax_embedding_soft(), list(LAYER.parameters()))
    assert answer.arrives
    assert answer.gradient_norm == pytest.approx(reference, rel=1e-3)


def test_a_lookup_that_takes_only_indices_is_the_next_cut() -> None:
    embed = nn.Embedding(6, 3)

    def loss() -> Tensor:
        bucket = torch.bucketize(LAYER(DATA)[:, 0].contiguous(), torch.linspace(-1, 1, 5))
        return embed(bucket).square().mean()

    diagnosis = diagnose(loss, {"layer": LAYER, "embed": embed})
    first = diagnosis.what_if(diagnosis.findings[0])
    assert (first.arrives, first.bridged) == (False, True)
    assert first.next_cut is not None
    assert (first.next_cut.kind, first.next_cut.op) == ("discrete_op", "torch.nn.functional.embedding")
    second = first.diagnosis.what_if(first.next_cut)
    assert not second.bridged
    assert "no result of its input's shape" in second.note


def test_behind_argmax_in_generate_stands_its_no_grad() -> None:
    @torch.no_grad()
    def generate(state: Tensor) -> Tensor:
        return torch.stack([state.argmax(-1), state.argmin(-1)])

    diagnosis = diagnose(lambda: TABLE[generate(LAYER(DATA))].mean(), LAYER)
    answer = diagnosis.what_if(the(diagnosis, "discrete_op"))
    assert answer.next_cut is not None
    assert answer.next_cut.kind == "grad_disabled"
    assert answer.next_cut.scope is not None


def test_frozen_parameters_are_thawed_for_the_probe_alone() -> None:
    layer = nn.Linear(3, 1).requires_grad_(False)
    diagnosis = diagnose(lambda: layer(torch.ones(2, 3)).mean(), {"weight": layer.weight, "bias": layer.bias})
    answer = diagnosis.what_if(the(diagnosis, "frozen"))
    assert answer.arrives
    assert answer.gradient_norm == pytest.approx(2.0)  # 1, 1, 1 at the weight and 1 at the bias
    assert not layer.weight.requires_grad
    assert not layer.bias.requires_grad


def test_a_note_is_bridged_too_and_said_to_starve_nothing() -> None:
    def loss() -> Tensor:
        value = LAYER(DATA)
        return (value * value.detach()).mean()

    diagnosis = diagnose(loss, LAYER)
    assert diagnosis.ok
    note = next(finding for finding in diagnosis.findings if finding.kind == "detach")
    answer = diagnosis.what_if(note)
    assert "starves nothing" in answer.note
    # d(x * x) - d(x * sg(x)) = x dx: as much again as before
    value = LAYER(DATA)
    assert answer.gradient_norm == pytest.approx(
        norm_of((value * value.detach()).mean(), list(LAYER.parameters())), rel=1e-4
    )


def test_the_text() -> None:
    diagnosis = diagnose(argmax_embedding, LAYER)
    answer = diagnosis.what_if(diagnosis.findings[0])
    text = str(answer)
    assert text.startswith("what if GF101 discrete_op at ")
    assert f"what_if_programs.py:{diagnosis.findings[0].line} [torch.Tensor.argmax] let the gradient through?" in text
    flat = " ".join(text.split())
    assert f"The gradient arrives: norm {answer.gradient_norm:.4g} (largest: " in flat
    assert "a probe, not a fix" in flat
    assert "To mend it: softmax probabilities" in flat
    assert all(len(line) <= 80 for line in text.splitlines()[1:])


def test_the_example_of_the_documentation_is_real(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "debugger.md").read_text(encoding="utf-8")
    section = page.split("## What if this cut let the gradient through?")[1].split("\n## ")[0]
    code, told = re.findall(r"```(?:python|text)\n(.*?)```", section, re.DOTALL)
    (tmp_path / "train_step.py").write_text(code)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = run_python("train_step.py", cwd=tmp_path, check=True, env=env)
    number = re.compile(r"\d\.\d+")
    assert number.sub("#", done.stdout) == number.sub("#", told)
