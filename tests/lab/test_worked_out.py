"""The penalty's gradient is worked out once where two backward passes want it, and no bit changes."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from lm_models import SENTENCES
from penalties_automata import ngram
from tiny_runs import CHARSET, tiny_data, tiny_model
from torch import Tensor, nn

from gradcheck_lm.flow import attribute
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.training.partly_labelled import PartlyLabelled, partly_labelled
from gradcheck_lm.lab.training.terms import StepTerms, labelled, unlabelled
from gradcheck_lm.lab.training.trainer import Trainer
from gradcheck_lm.lab.training.worked_out import worked_out
from gradcheck_lm.lm import load_language_model
from gradcheck_lm.penalties import PENALTIES, make_penalty

ALIVE = [name for name, penalty in PENALTIES.items() if penalty.kind != "none"]


@functools.cache
def teacher(name: str) -> Any:
    if name == "ngram_expectation":
        return ngram(characters=CHARSET.characters, texts=SENTENCES)
    return load_language_model("char", device="cpu")


def objective(name: str, kind: str) -> str:
    wanted = "hinge" if kind == "with labels" else "ratio"
    return wanted if wanted in PENALTIES[name].objectives else PENALTIES[name].objectives[-1]


def step(name: str, kind: str) -> tuple[StepTerms, nn.Module]:
    """The terms of one step of a recogniser that reads something and has moved from its start."""
    options = {"proposals": "beam"} if name == "nbest_ctc" else {}
    penalty = make_penalty(name, teacher(name), CHARSET, objective=objective(name, kind), seed=1, **options)
    model, data = tiny_model(), tiny_data()
    with torch.no_grad():
        model.get_parameter("head.1.bias").add_(torch.linspace(-1, 1, CHARSET.size))
    if kind == "with labels":
        terms = labelled(CHARSET, penalty, 0.3)
    elif kind == "without":
        terms = unlabelled(tiny_model().eval(), CHARSET, penalty, 0.3)
    else:
        terms, data = (
            partly_labelled(CHARSET, penalty, 0.3),
            PartlyLabelled(data.part(range(4)), data.part(range(4, 12))),
        )
    torch.manual_seed(0)
    return terms(model, data.batch(0, 6, seed=0)), model


def gradients(found: StepTerms, model: nn.Module) -> dict[str, Tensor]:
    found.total.backward()
    return {key: value.grad for key, value in model.named_parameters() if value.grad is not None}


# all penalties get their logits alike from the terms of a kind: one of them is enough for the other kinds
CASES = [(name, "with labels" if name == "hidden_states" else "without") for name in ALIVE]
CASES += [("soft_embedding", "with labels"), ("soft_embedding", "in part")]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_terms_and_gradients_are_the_same_to_the_bit(name: str, kind: str) -> None:
    found, model = step(name, kind)
    again = worked_out(found)
    assert again.terms["lm"] is not found.terms["lm"]
    assert torch.equal(again.terms["lm"], found.terms["lm"])
    assert torch.equal(again.total, found.total)
    assert str(attribute(again.terms, wrt=model)) == str(attribute(found.terms, wrt=model))
    mine, plain = gradients(again, model), gradients(*step(name, kind))
    assert mine.keys() == plain.keys()
    assert sum(float(value.abs().sum()) for value in plain.values()) > 0
    assert [key for key, value in plain.items() if not torch.equal(value, mine[key])] == []


class Passes:
    """Counts the backward passes through a penalty."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _: Tensor) -> None:
        self.count += 1


@pytest.mark.parametrize("every", [0, 1])
def test_a_step_that_is_measured_goes_through_the_language_model_once(every: int) -> None:
    passes, penalty = Passes(), make_penalty("soft_embedding", teacher(""), CHARSET, objective="hinge")
    make = labelled(CHARSET, penalty, 0.3)

    def terms(model: nn.Module, batch: Any) -> StepTerms:
        found = make(model, batch)
        found.terms["lm"].register_hook(passes)
        return found

    config = TrainingConfig(steps=3, batch_size=4, attribute_every=every)
    records = Trainer(tiny_model(), terms, tiny_data(), config).run().records
    assert passes.count == 3
    assert all(("gradient_norm" in record["terms"]["lm"]) == bool(every) for record in records)


def test_what_has_no_gradient_or_will_be_scaled_stays_as_it_is() -> None:
    dead, _ = step("argmax", "with labels")
    assert worked_out(dead) is dead
    alive, _ = step("soft_embedding", "with labels")
    assert worked_out(alive, scaled=True) is alive
    thawed = torch.ones((), requires_grad=True)
    other = StepTerms({**alive.terms, "lm": thawed * 2}, alive.penalty, logits=alive.logits)
    assert worked_out(other) is other
