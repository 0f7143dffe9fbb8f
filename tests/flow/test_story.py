"""The story in full: four cuts in one chain, the truth table row by row, and proofs that prove nothing."""

from __future__ import annotations

import flow_story
import pytest
import torch
from flow_story import Trainer, marked

from gradcheck_lm.flow import attribute, compare_gradients, diagnose, record

pytestmark = pytest.mark.needs("transformers", "numpy")  # the story uses both

CHAIN = ["discrete_op", "left_torch", "new_leaf", "grad_disabled"]
LINES = [marked("argmax"), marked("argmax"), marked("reentry"), marked("switched off")]


def test_the_four_cuts_in_order_with_their_lines() -> None:
    trainer = Trainer()
    diagnosis = diagnose(trainer.terms, wrt=trainer.recogniser)
    findings = diagnosis.findings
    assert not diagnosis.ok
    assert [finding.kind for finding in findings] == CHAIN
    assert [finding.line for finding in findings] == LINES
    assert {finding.file for finding in findings} == {flow_story.__file__}
    assert [finding.op for finding in findings[:3]] == ["torch.Tensor.argmax", "torch.Tensor.numpy", "torch.tensor"]
    assert findings[3].scope == (flow_story.__file__, marked("scope"))
    assert [finding.certainty for finding in findings] == ["certain", "confirmed", "confirmed", "confirmed"]
    assert {finding.severity for finding in findings} == {"error"}
    assert {finding.term for finding in findings} == {"lm"}
    assert findings[0].source.startswith("ids = logits.argmax(-1)")
    assert findings[0].function == "decode"
    start, end = findings[0].columns or (0, 0)
    assert findings[0].source[start:end] == ".argmax(-1)"


def test_terms_tell_the_dead_from_the_live() -> None:
    trainer = Trainer()
    diagnosis = diagnose(trainer.terms, wrt=trainer.recogniser)
    ctc, lm = diagnosis.terms["ctc"], diagnosis.terms["lm"]
    assert (ctc.dead, lm.dead) == (False, True)
    # the normalisation behind the convolution takes the shift of its bias away
    names = [name for name, _ in trainer.recogniser.named_parameters() if name != "convolution.bias"]
    assert list(ctc.reaches) == names
    assert lm.reaches == ()
    assert lm.gradient_norm == 0.0
    assert ctc.gradient_norm > 0.1
    assert lm.value > 1.0
    assert diagnosis.unreached == ()


def test_frozen_model_without_no_grad_has_three_cuts() -> None:
    trainer = Trainer(under_no_grad=False)
    diagnosis = diagnose(trainer.terms, wrt=trainer.recogniser)
    assert [finding.kind for finding in diagnosis.findings] == CHAIN[:3]
    assert diagnosis.dead == ("lm",)


def test_model_not_frozen_looks_alive_and_is_dead() -> None:
    trainer = Trainer(frozen=False, under_no_grad=False)
    diagnosis = diagnose(trainer.terms, wrt=trainer.recogniser)
    assert diagnosis.terms["lm"].requires_grad
    assert diagnosis.terms["lm"].dead
    assert [finding.kind for finding in diagnosis.findings] == CHAIN[:3]


def test_silent_sum_is_taken_apart() -> None:
    trainer = Trainer()
    diagnosis = diagnose(trainer.total, wrt=trainer.recogniser)
    assert set(diagnosis.terms) == {"ctc", "lm"}
    assert diagnosis.dead == ("lm",)
    assert [finding.kind for finding in diagnosis.findings] == CHAIN
    assert diagnosis.terms["lm"].value == pytest.approx(float(trainer.penalty_alone()), rel=1e-4)


def test_a_watched_run_finds_the_same_and_says_likely() -> None:
    trainer = Trainer()
    with record() as run:
        loss = trainer.total()
    diagnosis = run.diagnose(loss, wrt=trainer.recogniser)
    assert [finding.kind for finding in diagnosis.findings] == CHAIN
    assert [finding.certainty for finding in diagnosis.findings] == ["certain", "likely", "likely", "likely"]
    loss.backward()  # the graph is still the user's


def test_without_counterfactuals_nothing_runs_twice() -> None:
    trainer = Trainer()
    runs = 0

    def step() -> dict[str, torch.Tensor]:
        nonlocal runs
        runs += 1
        return trainer.terms()

    diagnosis = diagnose(step, wrt=trainer.recogniser, counterfactual=False)
    assert runs == 1
    assert [finding.kind for finding in diagnosis.findings] == CHAIN
    assert "confirmed" not in {finding.certainty for finding in diagnosis.findings}
    diagnose(step, wrt=trainer.recogniser)
    assert runs > 2


@pytest.mark.parametrize(
    ("frozen", "with_ctc", "penalty_requires", "total_requires", "loud"),
    [
        (True, False, False, False, True),
        (True, True, False, True, False),
        (False, False, True, True, False),
        (False, True, True, True, False),
    ],
)
def test_truth_table(frozen: bool, with_ctc: bool, penalty_requires: bool, total_requires: bool, loud: bool) -> None:
    trainer = Trainer(frozen=frozen, under_no_grad=False)
    logits = trainer.recogniser(trainer.images)
    penalty = trainer.penalty(logits)
    total = trainer.ctc(logits) + 0.1 * penalty if with_ctc else penalty
    assert penalty.requires_grad is penalty_requires
    assert total.requires_grad is total_requires
    if loud:
        with pytest.raises(RuntimeError, match="does not require grad"):
            total.backward()
    else:
        total.backward(retain_graph=True)
    if penalty_requires:  # `True` proves nothing
        found = torch.autograd.grad(penalty, list(trainer.recogniser.parameters()), allow_unused=True)
        assert set(found) == {None}
    diagnosis = diagnose(trainer.total if with_ctc else trainer.penalty_alone, wrt=trainer.recogniser)
    assert not diagnosis.ok
    assert [finding.kind for finding in diagnosis.findings] == CHAIN[:3]
    assert diagnosis.dead == (("lm",) if with_ctc else ("loss",))


def test_gradcheck_passes_on_the_broken_penalty() -> None:
    trainer = Trainer(under_no_grad=False)
    logits = trainer.recogniser(trainer.images).detach().double().requires_grad_()
    assert torch.autograd.gradcheck(lambda value: trainer.penalty(value), (logits[:2].detach().requires_grad_(),))


def test_adamw_moves_weights_at_zero_gradient() -> None:
    trainer = Trainer(frozen=False, under_no_grad=False)
    weight = trainer.recogniser.head.weight
    before = weight.detach().clone()
    optimizer = torch.optim.AdamW(trainer.recogniser.parameters(), lr=1e-2, weight_decay=0.1)
    loss = trainer.penalty_alone()
    (loss + 0 * sum(parameter.sum() for parameter in trainer.recogniser.parameters())).backward()
    assert float(weight.grad.abs().max()) == 0.0
    optimizer.step()
    assert not torch.equal(before, weight.detach())


def test_compare_gradients_says_cut() -> None:
    trainer = Trainer(under_no_grad=False)
    comparison = compare_gradients(trainer.penalty_alone, {"head.weight": trainer.recogniser.head.weight})
    assert comparison.verdict == "cut"


def test_attribution_names_the_dead_term() -> None:
    trainer = Trainer()
    table = attribute(trainer.terms(), wrt=trainer.recogniser)
    assert table.dead == ("lm",)
    assert table.share("ctc") == 1.0
    assert table.norm("lm", "head") == 0.0
    assert table.cosine("ctc", "lm") is None


def test_graph_runs_from_the_recogniser_to_both_terms() -> None:
    trainer = Trainer()
    diagnosis = diagnose(trainer.terms, wrt=trainer.recogniser)
    nodes = diagnosis.graph.nodes
    assert {node.role for node in nodes} == {"wrt", "op", "host", "source", "term"}
    assert {node.label: node.state for node in nodes if node.role == "term"} == {"ctc": "live", "lm": "beyond"}
    for position, finding in enumerate(diagnosis.findings):
        assert finding.node is not None
        assert nodes[finding.node].finding == position
        assert nodes[finding.node].state == "cut"
    argmax = nodes[diagnosis.findings[0].node or 0]
    assert argmax.label == "argmax"
    assert argmax.terms == ("lm",)
    inside = next(node for node in nodes if node.op == "torch.nn.functional.layer_norm")
    assert inside.state == "beyond"
    assert inside.module.startswith("GPT2LMHeadModel.transformer.h.0")
    assert any(node.module == "Recogniser.convolution" and node.state == "live" for node in nodes)
