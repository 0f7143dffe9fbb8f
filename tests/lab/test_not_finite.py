"""Numbers that are not finite: where they came from is named, and they never get into what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_runs import tiny_model, tiny_trainer

from gradcheck_lm.errors import RunError
from gradcheck_lm.lab.folder.run_folder import STATE
from gradcheck_lm.lab.folder.state import load_state, save_state
from gradcheck_lm.lab.lines.data import Batch
from gradcheck_lm.lab.machine.fault import find_fault
from gradcheck_lm.lab.training.terms import StepTerms


def good_state(folder: Path) -> None:
    assert all(
        torch.isfinite(tensor).all() for tensor in load_file(folder / STATE).values() if tensor.is_floating_point()
    )


def test_a_module_that_gives_nan_is_named_with_its_lines(tmp_path: Path, data: Any) -> None:
    trainer = tiny_trainer(data, tmp_path, augment=False)
    marked = data.batch(4, 4, seed=5).indices[2]

    def break_one_line(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        sums = inputs[0].sum((1, 2, 3))
        wrong = torch.isclose(sums, data.take([marked]).images.sum())
        return torch.where(wrong[:, None, None, None] & (trainer.folder.saved >= 4), torch.nan, output)

    name = next(name for name, module in trainer.bare.named_modules() if isinstance(module, torch.nn.Conv2d))
    trainer.bare.get_submodule(name).register_forward_hook(break_one_line)
    with pytest.raises(RunError, match="step 5: the loss cannot be computed") as seen:
        trainer.run()
    assert f"first bad: the output of {name} (Conv2d) holds NaN or infinity, for 1 of 4 lines" in str(seen.value)
    assert f"lines ({data.names[marked]})" in str(seen.value)
    assert "The last good state, after step 4, is kept" in str(seen.value)
    good_state(tmp_path)


def test_a_gradient_that_is_nan_never_gets_into_the_weights(tmp_path: Path, data: Any) -> None:
    for clip in (None, 1.0):
        trainer = tiny_trainer(data, tmp_path / str(clip), clip_norm=clip)
        plain = trainer.terms

        def terms(model: Any, batch: Batch, plain: Any = plain, trainer: Any = trainer) -> StepTerms:
            found = plain(model, batch)
            weight = trainer.bare.get_parameter("head.1.weight") if trainer.folder.saved >= 2 else torch.ones(1)
            # finite, and its slope at 0 is not
            return StepTerms({**found.terms, "root": (weight.sum() * 0).abs().sqrt()})

        trainer.terms = terms
        with pytest.raises(RunError, match=r"step 3: the gradient's norm is nan .*backward pass: head\.1\.weight"):
            trainer.run()
        good_state(tmp_path / str(clip))


def test_broken_weights_are_never_saved(tmp_path: Path, data: Any) -> None:
    trainer = tiny_trainer(data, tmp_path, steps=3)
    trainer.run(until=2)
    with torch.no_grad():
        next(trainer.bare.parameters()).view(-1)[0] = torch.inf
    assert trainer.folder is not None
    with pytest.raises(RunError, match=r"after step 3 the weight .* holds NaN or infinity: this state is not saved"):
        trainer.folder.save(3)
    good_state(tmp_path)


def test_where_the_fault_is() -> None:
    model = tiny_model().eval()
    images = torch.rand(3, 1, 32, 64)
    assert find_fault(model, images) is None
    bad = images.clone()
    bad[1, 0, 0, 0] = torch.nan
    found = find_fault(model, bad)
    assert found is not None
    assert (found.where, found.lines) == ("the pictures themselves hold NaN or infinity", (1,))
    lstm = next(module for module in model.modules() if isinstance(module, torch.nn.LSTM))
    hook = lstm.register_forward_hook(lambda m, i, o: (o[0].index_fill(1, torch.tensor([2]), torch.inf), o[1]))
    found = find_fault(model, images)
    hook.remove()
    assert found is not None
    assert "(LayerwiseLSTM) holds" in found.where
    assert found.lines == (2,)
    name, weight = next(iter(model.named_parameters()))
    with torch.no_grad():
        weight.view(-1)[0] = torch.nan
    found = find_fault(model, images)
    assert found is not None
    assert found.where == f"the weight {name} holds NaN or infinity"


def test_a_gradient_scalers_state_is_kept(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters())
    scaler, other = torch.amp.GradScaler("cpu"), torch.amp.GradScaler("cpu")
    scaler.scale(model(torch.ones(1, 2)).sum() * torch.inf).backward()
    scaler.step(optimizer)
    scaler.update()
    common: dict[str, Any] = {"model": model, "optimizer": optimizer, "generators": {}, "config": {}}
    save_state(tmp_path / STATE, step=1, scaler=scaler, **common)
    load_state(tmp_path / STATE, scaler=other, **common)
    assert other.state_dict() == scaler.state_dict()
    assert other.state_dict()["scale"] < torch.amp.GradScaler("cpu").state_dict()["scale"]
