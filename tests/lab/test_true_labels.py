"""The cosine to the true labels' gradient comes out of an arm's own first step, with the bits that it has by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import CHARSET, Vowels, tiny_data, tiny_model

from gradcheck_lm.errors import RunError
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.comparing import experiments
from gradcheck_lm.lab.comparing.experiments import Bench, run_new_hand
from gradcheck_lm.lab.config import Arm, ComparisonConfig, new_hand_arms
from gradcheck_lm.lab.training.terms import StepTerms
from gradcheck_lm.lm import load_language_model

STEPS = 8  # a look at the gradients every second step
GRADIENT = Arm("policy_gradient", "policy_gradient", 1.0, {"objective": "ratio", "samples": 3})


class Judge(Vowels):
    """Vowels, of which the evaluation too can be asked."""

    def nll(self, texts: Any) -> torch.Tensor:
        return self.score(texts) * torch.tensor([float(len(text)) for text in texts])


def bench(folder: Path, *, steps: int = STEPS, language_model: Any = None, **settings: Any) -> Bench:
    """Lines that the recogniser misreads, at its own start."""
    config, data = ComparisonConfig(batch_size=4, steps=steps, device="cpu", **settings), tiny_data()
    judge = language_model or Judge()
    return Bench(tiny_model().eval(), CHARSET, judge, data, data, config, folder, lambda *_: None)


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """The figures that were worked out by themselves."""
    found: list[float | None] = []
    whole = experiments.cosine_at_the_start

    def noted(*arguments: Any, **options: Any) -> float | None:
        found.append(whole(*arguments, **options))
        return found[-1]

    monkeypatch.setattr(experiments, "cosine_at_the_start", noted)
    return found


def cosine(found: Bench, arm: Arm) -> float | None:
    return run_new_hand(found, {arm.name: arm})[arm.name].figures["lm_ctc_cosine"]


@pytest.mark.parametrize("name", ["argmax", "soft_embedding", "gumbel_softmax", "policy_gradient"])
def test_it_is_the_same_to_the_bit(name: str, tmp_path: Path, apart: list[float | None]) -> None:
    language_model = load_language_model("char", device="cpu")
    found, arm = bench(tmp_path, language_model=language_model), new_hand_arms(samples=2)[name]
    taken = cosine(found, arm)
    assert apart == []
    assert taken == experiments._cosine_at_the_start(found, arm)
    assert (taken is None) == (name == "argmax")


def test_the_language_model_is_not_asked_once_more(tmp_path: Path, apart: list[float | None]) -> None:
    judges = Judge(), Judge()
    trained = bench(tmp_path / "with", language_model=judges[0])
    run_new_hand(trained, {"policy_gradient": GRADIENT})
    # the same training, and then the figure by itself
    again = bench(tmp_path / "without", language_model=judges[1])
    run_new_hand(again, {"policy_gradient": GRADIENT})
    experiments._cosine_at_the_start(again, GRADIENT)
    assert len(apart) == 1
    assert judges[0].asked < judges[1].asked


def test_a_look_moves_nothing(tmp_path: Path) -> None:
    looked, plain = bench(tmp_path / "looked"), bench(tmp_path / "plain")
    one = run_new_hand(looked, {"policy_gradient": GRADIENT})["policy_gradient"]
    two = experiments._train_new_hand(plain, GRADIENT, plain.before.characters)  # as a job trains it: nobody looks
    assert all(torch.equal(value, two.model.state_dict()[key]) for key, value in one.model.state_dict().items())
    rows = [[record["terms"] for record in result.records] for result in (one.result, two.result)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    ("arm", "settings"),
    [
        (replace(GRADIENT, weight=0.3), {}),  # the bits of a third of a gradient are others
        (GRADIENT, {"steps": 3}),  # every step is looked at, and the first one's seconds count
        (GRADIENT, {"mixed_precision": "bf16"}),
    ],
)
def test_where_it_would_be_another_number_it_is_worked_out_by_itself(
    arm: Arm, settings: dict[str, Any], tmp_path: Path, apart: list[float | None]
) -> None:
    taken = cosine(bench(tmp_path, **settings), arm)
    assert apart == [taken]
    assert taken is not None


def test_an_arm_that_went_on_says_what_it_said_at_its_start(tmp_path: Path, apart: list[float | None]) -> None:
    first = cosine(bench(tmp_path / "whole"), GRADIENT)
    found = bench(tmp_path / "stopped")

    def stop(experiment: str, arm: str, record: dict[str, Any]) -> None:
        if record["step"] == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cosine(replace(found, progress=stop), GRADIENT)
    assert apart == []
    assert cosine(found, GRADIENT) == first
    assert apart == [first]
    assert cosine(found, GRADIENT) == first  # nothing is left to train


def test_of_several_processes_each_works_it_out(
    tmp_path: Path, apart: list[float | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "launched", lambda: 2)  # the trainer itself is one process here
    taken = cosine(bench(tmp_path), GRADIENT)
    assert apart == [taken]


def test_lines_without_labels_have_none(tmp_path: Path, apart: list[float | None]) -> None:
    found = bench(tmp_path)
    found.train.labelled = False
    assert cosine(found, GRADIENT) is None


def test_a_loss_that_is_no_number_is_told_by_the_trainer(tmp_path: Path) -> None:
    found = bench(tmp_path)
    before = found.before.characters
    model: CRNN = found.recogniser
    with torch.no_grad():
        model.get_parameter("head.1.bias")[3] = torch.nan
    first = experiments.FirstStep(CHARSET)
    with pytest.raises(RunError, match="step 1: the loss"):
        experiments._train_new_hand(found, GRADIENT, before, first)
    assert not first.looked


def test_a_penalty_that_is_no_number_is_not_looked_at() -> None:
    model, batch = tiny_model().eval(), tiny_data().take(range(2))
    logits = model(batch.images)
    first = experiments.FirstStep(CHARSET)
    first(model, batch, StepTerms({"lm": logits.sum() * torch.nan}, logits=logits))
    assert not first.looked
    first(model, batch, StepTerms({"lm": logits.square().sum()}, logits=logits))
    assert first.looked
