"""The callback in transformers' real Trainer, on tiny models made from configurations."""

from __future__ import annotations

import gc
import inspect
import json
import re
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn

pytest.importorskip("transformers", reason="the callback is for its Trainer: pip install transformers accelerate")

from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

from gradcheck_lm.errors import ArgumentError, GradientFlowError
from gradcheck_lm.integrations.transformers_callback import GradientFlowCallback


def tiny(cls: type = GPT2LMHeadModel, **options):
    torch.manual_seed(0)
    return cls(GPT2Config(vocab_size=17, n_positions=8, n_embd=8, n_layer=1, n_head=2, **options))


class UnusedHead(GPT2LMHeadModel):
    """A second head that was added and never called."""

    def __init__(self, config) -> None:
        super().__init__(config)
        self.quality = nn.Linear(config.n_embd, 1)


class CutTerm(GPT2LMHeadModel):
    """A term of the loss that argmax cuts."""

    def forward(self, input_ids=None, labels=None, **kwargs):
        output = super().forward(input_ids=input_ids, labels=labels)
        chosen = output.logits.argmax(-1)  # cut here
        length = chosen.float().mean()
        output.loss = output.loss + 0.1 * length
        output["length"] = length
        return output


def line_of(cls: type, piece: str) -> int:
    lines, first = inspect.getsourcelines(cls)
    return first + next(place for place, line in enumerate(lines) if piece in line)


DATA = [{"input_ids": torch.arange(6) + shift, "labels": torch.arange(6) + shift} for shift in range(8)]


def train(model, callback, tmp_path: Path, *, trainer_class: type[Trainer] = Trainer, **options) -> Trainer:
    settings = {
        "output_dir": str(tmp_path / "out"),
        "max_steps": 5,
        "per_device_train_batch_size": 2,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": True,
        "dataloader_pin_memory": False,
        "logging_strategy": "no",
        "seed": 7,
    } | options
    trainer = trainer_class(model=model, args=TrainingArguments(**settings), train_dataset=DATA)
    if callback is not None:
        trainer.add_callback(callback)
    trainer.train()
    return trainer


def test_a_healthy_model_is_said_to_be_so_once(tmp_path: Path) -> None:
    said: list[str] = []
    callback = GradientFlowCallback(every=2, write=said.append)
    train(tiny(), callback, tmp_path)
    assert said == ["step 0: gradient flow is ok: it arrives at every parameter"]
    assert [(seen.step, seen.ok) for seen in callback.diagnoses] == [(0, True), (2, True), (4, True)]


def test_training_is_the_same_to_the_bit(tmp_path: Path) -> None:
    plain, watched = tiny(), tiny()
    train(plain, None, tmp_path)
    train(watched, GradientFlowCallback(every=1, write=None), tmp_path)
    for (name, one), two in zip(plain.named_parameters(), watched.parameters(), strict=True):
        assert torch.equal(one, two), name


def test_a_head_that_is_never_reached_is_named(tmp_path: Path) -> None:
    said: list[str] = []
    callback = GradientFlowCallback(every=2, write=said.append, report=tmp_path / "reports")
    train(tiny(UnusedHead), callback, tmp_path)
    assert callback.diagnoses[0].starved == ("quality.weight", "quality.bias")
    assert re.search(r"No gradient: 2 of \d+ tensors\n  quality: 2 tensors \(weight, bias\)", said[0])
    assert said[1:] == [f"step {step}: gradient flow is broken as before" for step in (2, 4)]
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["step-000000"]
    report = json.loads((tmp_path / "reports" / "step-000000" / "diagnosis.json").read_text())
    assert report["unreached"] == ["quality.weight", "quality.bias"]


def test_what_needs_no_gradient_can_be_left_out(tmp_path: Path) -> None:
    callback = GradientFlowCallback(ignore=["quality.*"], write=None)
    train(tiny(UnusedHead), callback, tmp_path)
    assert callback.diagnoses[0].ok


@pytest.mark.parametrize("options", [{}, {"gradient_accumulation_steps": 2}, {"bf16": True}])
def test_a_cut_term_is_named_with_its_line(tmp_path: Path, options: dict) -> None:
    callback = GradientFlowCallback(every=3, write=None)
    train(tiny(CutTerm), callback, tmp_path, **options)
    assert [seen.step for seen in callback.diagnoses] == [0, 3]
    for seen in callback.diagnoses:
        assert not seen.ok
        assert seen.starved == ()  # the other term feeds every parameter: silent without this
        finding = seen.diagnosis.findings[0]
        assert (finding.kind, finding.file, finding.line) == ("discrete_op", __file__, line_of(CutTerm, "# cut here"))
        assert seen.diagnosis.dead == ("length",)


def test_terms_that_the_output_gives(tmp_path: Path) -> None:
    callback = GradientFlowCallback(terms=["length"], write=None)
    train(tiny(CutTerm), callback, tmp_path, max_steps=1)
    assert callback.diagnoses[0].diagnosis.terms["length"].dead
    said: list[str] = []
    callback = GradientFlowCallback(terms=["size"], write=said.append)
    train(tiny(), callback, tmp_path, max_steps=1)
    assert len(said) == 1
    assert said[0].startswith("step 0: not diagnosed: the output has no term called size; it holds: loss, logits")
    callback = GradientFlowCallback(terms=lambda output: {"sure": output.logits.square().mean()}, write=None)
    train(tiny(), callback, tmp_path, max_steps=1)
    assert callback.diagnoses[0].ok
    assert set(callback.diagnoses[0].diagnosis.terms) == {"sure", "loss"}


class OwnLoss(Trainer):
    """A loss outside the model, whose second term dies in the middle of the training."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        output = model(**inputs)
        ceiling = 100.0 if self.state.global_step < 4 else -100.0
        hinge = torch.relu(output.logits.mean() + ceiling)  # closes
        output["hinge"] = hinge  # where terms=["hinge"] finds it
        loss = output.loss + 0.1 * hinge
        return (loss, output) if return_outputs else loss


def test_a_term_that_dies_is_reported_with_its_step(tmp_path: Path) -> None:
    said: list[str] = []
    callback = GradientFlowCallback(every=2, terms=["hinge"], write=said.append)
    train(tiny(), callback, tmp_path, trainer_class=OwnLoss, max_steps=8)
    assert [(seen.step, seen.ok) for seen in callback.diagnoses] == [(0, True), (2, True), (4, False), (6, False)]
    assert said[1].startswith("step 4: gradient flow: BROKEN")
    finding = callback.diagnoses[2].diagnosis.errors[0]
    assert (finding.kind, finding.term) == ("zero_gradient", "hinge")
    assert finding.line == line_of(OwnLoss, "# closes")


def test_it_can_stop_the_training(tmp_path: Path) -> None:
    callback = GradientFlowCallback(on_broken="raise", write=None)
    with pytest.raises(GradientFlowError, match="step 0: gradient flow: BROKEN"):
        train(tiny(CutTerm), callback, tmp_path)
    assert torch.overrides._len_torch_function_stack() == 0


class Failing(Trainer):
    def compute_loss(self, model, inputs, **kwargs):
        model(**inputs)
        raise MemoryError("mine")


def test_an_error_of_the_step_passes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    callback = GradientFlowCallback(write=None)
    with pytest.raises(MemoryError, match="mine"):
        train(tiny(), callback, tmp_path, trainer_class=Failing)
    assert torch.overrides._len_torch_function_stack() == 0
    assert "training_step" not in vars(callback._trainer)


def test_the_trainer_is_as_before_and_not_held(tmp_path: Path) -> None:
    callback = GradientFlowCallback(every=1, write=None)
    trainer = train(tiny(), callback, tmp_path, max_steps=2)
    assert "training_step" not in vars(trainer)
    assert not trainer.model._forward_hooks
    held = weakref.ref(trainer.model)
    trainer.callback_handler.callbacks.remove(callback)
    del trainer
    gc.collect()
    assert held() is None
    assert len(callback.diagnoses) == 2


def test_a_step_patched_by_another_tool_stays_patched(tmp_path: Path) -> None:
    calls = []

    class Patched(Trainer):
        def __init__(self, *args, **kwargs) -> None:
            super().__init__(*args, **kwargs)
            inner = self.training_step
            self.training_step = lambda *a, **k: (calls.append(1), inner(*a, **k))[1]

    callback = GradientFlowCallback(every=2, write=None)
    trainer = train(tiny(), callback, tmp_path, trainer_class=Patched, max_steps=4)
    assert len(calls) == 4
    assert len(callback.diagnoses) == 2
    assert "training_step" in vars(trainer)


def test_a_loss_that_is_no_number_does_not_stop_the_run(tmp_path: Path) -> None:
    class Broken(Trainer):
        def compute_loss(self, model, inputs, **kwargs):
            return model(**inputs).loss * float("nan")

    said: list[str] = []
    train(tiny(), GradientFlowCallback(write=said.append), tmp_path, trainer_class=Broken, max_steps=1)
    assert said[0].startswith("step 0: not diagnosed: the loss of the training step is nan")
    assert all("GF601" in text for text in said[1:])  # the step that was taken on it


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"every": 0}, "every is 0"),
        ({"on_broken": "stop"}, "'report' or 'raise'"),
        ({"terms": "ctc"}, r"\['ctc'\]"),
    ],
)
def test_bad_options(options: dict, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        GradientFlowCallback(**options)


def test_without_a_trainer_it_says_what_to_pass() -> None:
    with pytest.raises(ArgumentError, match=r"GradientFlowCallback\(trainer=trainer\)"):
        GradientFlowCallback().on_train_begin(None, None, None)
