"""The ledger of whole steps in Lightning's Trainer: what becomes of the gradients that arrive."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path

import pytest
import torch
from body_and_head import BATCHES, Net, plain_as_before

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(does not have many workers|The number of training batches|`isinstance\\().*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:lightning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:lightning"),
]


def lightning_fit(module_of, callback, tmp_path: Path, *, steps: int = 8, logger=False, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pl = importlib.import_module("lightning.pytorch")

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = Net()

    module = type("Own", (Module,), module_of)()
    data = torch.utils.data.TensorDataset(torch.cat(BATCHES * 2))
    trainer = pl.Trainer(
        max_steps=steps, accelerator="cpu", devices=1, logger=logger, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path, callbacks=[callback],
        log_every_n_steps=1, **options,
    )  # fmt: skip
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=2))
    return module


def step_by_hand(self, batch, batch_idx):
    (optimizer,) = [self.optimizers()]
    self.manual_backward(self.net(batch[0]).square().mean())
    optimizer.step()


def all_of_it(self):
    return torch.optim.SGD(self.parameters(), lr=0.01)


def automatic(self, batch, batch_idx):
    return self.net(batch[0]).square().mean()


@pytest.mark.needs("lightning")
def test_lightning_gradients_that_are_never_cleared(tmp_path: Path) -> None:
    callback = lightning_callback(write=None)
    parts = {"automatic_optimization": False, "training_step": step_by_hand, "configure_optimizers": all_of_it}
    lightning_fit(parts, callback, tmp_path)
    finding = callback.reports[0][1].findings[0]
    assert finding.kind == "not_cleared"
    assert (finding.file, finding.function) == (__file__, "step_by_hand")


def clean_step_by_hand(self, batch, batch_idx):
    self.optimizers().zero_grad()
    step_by_hand(self, batch, batch_idx)


@pytest.mark.needs("lightning")
def test_lightnings_wrapper_is_no_optimizer_of_its_own(tmp_path: Path) -> None:
    said: list[str] = []
    callback = lightning_callback(every=4, write=said.append)
    parts = {"automatic_optimization": False, "training_step": clean_step_by_hand, "configure_optimizers": all_of_it}
    lightning_fit(parts, callback, tmp_path, steps=6)
    assert said == ["step 0: gradient flow is ok: it arrives at every parameter"]
    assert [(first, len(report.ledger.holders), len(report.ledger.steps())) for first, report in callback.reports] == [
        (0, 1, 2),
        (4, 1, 2),
    ]


@pytest.mark.needs("lightning")
@pytest.mark.parametrize("options", [{}, {"accumulate_grad_batches": 2}, {"gradient_clip_val": 1.0}])
def test_lightning_a_head_that_was_not_given_to_the_optimizer(tmp_path: Path, options: dict) -> None:
    said: list[str] = []
    callback = lightning_callback(every=4, write=said.append)
    parts = {
        "training_step": automatic,
        "configure_optimizers": lambda self: torch.optim.SGD(self.net.body.parameters(), lr=0.1),
    }
    lightning_fit(parts, callback, tmp_path, **options)
    assert "GF701 not_held" in said[1]
    assert len(said) == 2
    assert plain_as_before()


@pytest.mark.needs("lightning")
def test_lightning_leaves_torch_as_it_was_after_an_error(tmp_path: Path) -> None:
    def failing(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        optimizer.register_step_pre_hook(lambda *rest: (_ for _ in ()).throw(MemoryError("mine")))
        return optimizer

    with pytest.raises(MemoryError, match="mine"):
        lightning_fit(
            {"training_step": automatic, "configure_optimizers": failing}, lightning_callback(write=None), tmp_path
        )
    assert plain_as_before()


def lightning_callback(**options):
    return importlib.import_module("gradcheck_lm.integrations.lightning_callback").GradientFlowCallback(**options)
