"""What makes a step faster and must change nothing else: fused updates, compiled convolutions, a late look at loss."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import CHARSET, Vowels, differences, tiny_model, tiny_trainer
from torch import nn
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.errors import ArgumentError, RunError
from gradcheck_lm.htr.crnn import build_crnn
from gradcheck_lm.htr.lines import write_labels_tsv
from gradcheck_lm.htr.synthetic.synthetic import SyntheticLines
from gradcheck_lm.lab.adapting.adapt import same_weights
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.folder.run_folder import STATE
from gradcheck_lm.lab.machine.compiled import compiled_convolutions
from gradcheck_lm.lab.machine.optimizers import make_optimizer
from gradcheck_lm.lab.training.terms import StepTerms, labelled
from gradcheck_lm.lab.training.trainer import Trainer
from gradcheck_lm.penalties import make_penalty


def run_arm(data: Any, penalty: str | None, **changes: Any) -> Trainer:
    """A run from the same weights with a penalty or with CTC alone."""
    teacher = make_penalty(penalty, Vowels(), CHARSET, objective="hinge", seed=1) if penalty else None
    config = TrainingConfig(**{"steps": 4, "batch_size": 4, "seed": 5, "augment": True, **changes})
    trainer = Trainer(tiny_model(), labelled(CHARSET, teacher, 0.5), data, config)
    trainer.run()
    return trainer


# ---------------------------------------------------------------------- the optimizer


def test_which_update_is_taken() -> None:
    model, cpu, cuda = tiny_model(), torch.device("cpu"), torch.device("cuda")

    def fused(device: torch.device, **changes: Any) -> Any:
        return make_optimizer(model, TrainingConfig(**changes), device).param_groups[0]["fused"]

    assert fused(cpu) is None
    assert fused(cuda) is True
    assert fused(cuda, mixed_precision="bf16") is True
    assert fused(cuda, mixed_precision="fp16") is None
    assert fused(cuda, fused=False) is None
    assert fused(cpu, fused=True) is True
    group = make_optimizer(model, TrainingConfig(learning_rate=0.3, weight_decay=0.2, epsilon=0.1), cpu).param_groups[0]
    assert (group["lr"], group["weight_decay"], group["eps"]) == (0.3, 0.2, 0.1)


def test_a_fused_update_is_the_plain_one_up_to_rounding(data: Any) -> None:
    plain, fused = (run_arm(data, "policy_gradient", fused=fused).bare for fused in (None, True))
    start = tiny_model().state_dict()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(fused.state_dict()[name], value, rtol=1e-3, atol=1e-5)
    assert any((value - start[name]).abs().max() > 1e-3 for name, value in plain.state_dict().items())


def test_with_a_fused_update_the_broken_arm_is_ctc_alone_to_the_bit(data: Any) -> None:
    arms = {name: run_arm(data, name, fused=True).bare for name in (None, "argmax", "policy_gradient")}
    assert same_weights(arms["argmax"], arms[None])
    assert not same_weights(arms["policy_gradient"], arms[None])


def test_with_a_fused_update_an_interrupted_run_ends_with_the_same_bits(tmp_path: Path, data: Any) -> None:
    tiny_trainer(data, tmp_path / "whole", fused=True).run()
    tiny_trainer(data, tmp_path / "parts", fused=True).run(until=3)
    torch.rand(5)
    assert tiny_trainer(data, tmp_path / "parts", fused=True).run().resumed_from == 3
    assert differences(tmp_path / "whole", tmp_path / "parts") == []


# ---------------------------------------------------------------------- the layout of the feature maps


def test_both_layouts_give_the_same_numbers_and_the_same_file() -> None:
    torch.manual_seed(0)
    one = build_crnn("small").train()
    two = copy.deepcopy(one)
    two.memory_format = torch.contiguous_format
    images = torch.rand(2, 1, 64, 128)
    found = []
    for net in (one, two):
        torch.manual_seed(1)
        logits = net(images)
        logits.square().mean().backward()
        found.append((logits, net.stem.weight.grad))
    torch.testing.assert_close(found[0], found[1], rtol=1e-3, atol=1e-5)
    assert [(name, value.stride()) for name, value in one.state_dict().items()] == [
        (name, value.stride()) for name, value in two.state_dict().items()
    ]
    seen: list[bool] = []
    one.groups[0].register_forward_hook(lambda m, i, o: seen.append(o.is_contiguous(memory_format=torch.channels_last)))
    one(images)
    assert seen == [True]


# ---------------------------------------------------------------------- compiled convolutions


@pytest.fixture(scope="module")
def compiler() -> None:
    """Skips where torch cannot compile for a processor."""
    import shutil

    if not any(shutil.which(name) for name in ("g++", "clang++", "cl")):
        pytest.skip("torch.compile needs a C++ compiler")


@pytest.mark.slow
def test_compiled_convolutions_train_the_same_and_leave_no_trace(tmp_path: Path, data: Any, compiler: None) -> None:
    def trainer(folder: str, compile_model: bool) -> Trainer:
        return tiny_trainer(data, tmp_path / folder, steps=4, compile=compile_model, attribute_every=2)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own
        plain, whole = trainer("plain", False), trainer("whole", True)
        seen: list[bool] = []
        whole.on_step = lambda record: seen.append("columns" in vars(whole.bare))
        rows, others = plain.run().records, whole.run().records
        trainer("parts", True).run(until=2)
        torch.rand(5)
        trainer("parts", True).run()
        arms = [run_arm(data, name, compile=True).bare for name in (None, "argmax")]
    assert seen == [True] * 4
    assert "columns" not in vars(whole.bare)
    assert list(whole.bare.state_dict()) == list(plain.bare.state_dict())
    assert b"_orig_mod" not in (tmp_path / "whole" / STATE).read_bytes()
    assert differences(tmp_path / "whole", tmp_path / "parts") == []
    assert same_weights(*arms)
    for row, other in zip(rows, others, strict=True):
        assert other["total"] == pytest.approx(row["total"], rel=1e-3)
        for name, term in row["terms"].items():
            assert other["terms"][name].keys() == term.keys()


def test_only_steps_with_a_gradient_take_the_compiled_way(monkeypatch: pytest.MonkeyPatch) -> None:
    model, taken = tiny_model().eval(), []

    def compile_nothing(function: Any, **_: Any) -> Any:
        return lambda images: taken.append("compiled") or function(images)

    monkeypatch.setattr(torch, "compile", compile_nothing)
    images = torch.rand(2, 1, 32, 64)
    with compiled_convolutions(model, True):
        model(images)
        with torch.no_grad():
            model(images)
        assert taken == ["compiled"]
    model(images)
    with compiled_convolutions(model, False):
        model(images)
    assert taken == ["compiled"]
    assert "columns" not in vars(model)


def test_where_torch_cannot_compile_the_run_says_so(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(images: Any) -> Any:
        raise torch._dynamo.exc.TorchDynamoException("InvalidCxxCompiler: No working C++ compiler found")

    monkeypatch.setattr(torch, "compile", lambda function, **_: refuse)
    with pytest.raises(
        RunError, match=r"torch\.compile failed \(InvalidCxxCompiler: No working C\+\+ compiler found\)"
    ):
        run_arm(data, None, compile=True)


def test_there_must_be_something_to_compile(data: Any) -> None:
    with pytest.raises(ArgumentError, match=r"its method `columns`, and Linear has none: leave it out"):
        Trainer(nn.Linear(2, 2), labelled(CHARSET, None, 0.0), data, TrainingConfig(compile=True))


# ---------------------------------------------------------------------- a loss that is looked at late


@pytest.mark.parametrize("every", [0, 1])
def test_a_loss_that_is_no_number_never_gets_into_the_weights(every: int, tmp_path: Path, data: Any) -> None:
    trainer = tiny_trainer(data, tmp_path, attribute_every=every)
    plain = trainer.terms

    def terms(model: Any, batch: Any) -> StepTerms:
        found = plain(model, batch)
        bad = trainer.folder is not None and trainer.folder.saved == 2
        return StepTerms({**found.terms, "shortcut": found.terms["shortcut"] * (float("nan") if bad else 1.0)})

    trainer.terms = terms
    with pytest.raises(RunError, match=r"step 3: the loss is nan \(terms: shortcut; lines"):
        trainer.run()
    clean = tiny_trainer(data, None)
    clean.run(until=2)
    parameters = dict(clean.bare.named_parameters())
    assert all(torch.equal(value, parameters[name]) for name, value in trainer.bare.named_parameters())


# ---------------------------------------------------------------------- the command


@pytest.mark.parametrize("option", ["--buckets", "--prefetch"])
def test_the_command_refuses_numbers_that_cannot_be(option: str, tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["train", "--out", str(tmp_path / "o"), option, "-1"], env={"COLUMNS": "200"})
    assert found.exit_code == 2
    assert f"{option} is -1; it " in found.stderr
    assert "must be at least 0" in found.stderr
    assert not (tmp_path / "o").exists()


def test_the_command_hands_its_options_on(tmp_path: Path) -> None:
    lines = write_labels_tsv(list(SyntheticLines(["the cat", "on a mat, and so on"], count=4)), tmp_path / "lines")
    out, base = tmp_path / "run", ["--steps", "2", "--batch-size", "2", "--validation-every", "0", "--no-augment"]
    arguments = ["train", "--data", str(lines), "--validation", str(lines), "--out", str(out), *base]
    found = CliRunner().invoke(app, [*arguments, "--buckets", "2", "--prefetch", "0", "--fused"])
    assert found.exit_code == 0, found.output
    report = json.loads((out / "training.json").read_text(encoding="utf-8"))
    assert report["settings"]["buckets"] == 2
    assert (report["config"]["prefetch"], report["config"]["fused"], report["config"]["compile"]) == (0, True, False)
    assert 0 <= report["data_share"] <= 1
    found = CliRunner().invoke(app, [*arguments, "--buckets", "9"])
    assert found.exit_code == 2
    assert "buckets is 9 for 4 lines" in found.stderr
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 2
    assert "buckets was 2, is None" in found.stderr


# ---------------------------------------------------------------------- on a GPU


@pytest.mark.gpu
def test_on_a_gpu_the_lstm_takes_cudnns_way_and_the_update_is_fused(data: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns where an LSTM's weights are not one piece of memory
        trainer = run_arm(data, None, mixed_precision="bf16")
    lstm = trainer.bare.recurrent
    first = next(lstm.parameters())
    assert torch.backends.cudnn.is_acceptable(first)
    assert len({weight.untyped_storage().data_ptr() for weight in lstm.parameters()}) == lstm.num_layers
    assert trainer.optimizer.param_groups[0]["fused"] is True


@pytest.mark.gpu
def test_on_a_gpu_a_fused_run_goes_on_from_its_state(tmp_path: Path, data: Any) -> None:
    tiny_trainer(data, tmp_path, steps=6).run(until=3)
    trainer = tiny_trainer(data, tmp_path, steps=6)
    assert trainer.run().resumed_from == 3
    assert all(slot["step"].device.type == "cuda" for slot in trainer.optimizer.state.values())
