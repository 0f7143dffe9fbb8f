"""The callback in Lightning's real Trainer, under both names of the package."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import warnings
from pathlib import Path

import pytest
import torch
from child_processes import run_process
from torch import nn

from gradcheck_lm.errors import GradientFlowError
from gradcheck_lm.extras import install_line

pytest.importorskip("lightning", reason="needs gradcheck_lm[lightning]")
pl = importlib.import_module("lightning.pytorch")

from gradcheck_lm.integrations.lightning_callback import GradientFlowCallback  # noqa: E402

# Lightning's advice on loaders and loggers, and its own use of torch's older names
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(does not have many workers|The number of training batches|`isinstance\\().*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:lightning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:lightning"),
]


class Plain(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(3, 4)
        self.head = nn.Linear(4, 2)

    def training_step(self, batch, batch_idx):
        return self.head(self.body(batch[0]).tanh()).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


class UnusedHead(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.quality = nn.Linear(4, 1)


class CutTerm(Plain):
    def training_step(self, batch, batch_idx):
        output = self.head(self.body(batch[0]).tanh())
        lm = output.argmax(-1).float().mean()  # cut here
        return {"loss": output.square().mean() + lm, "lm": lm}


class Closing(Plain):
    def training_step(self, batch, batch_idx):
        output = self.head(self.body(batch[0]).tanh())
        hinge = torch.relu(output.mean() + (50.0 if self.global_step < 4 else -50.0))  # closes
        return {"loss": output.square().mean() + hinge, "hinge": hinge}


class Manual(Plain):
    """Two optimizers that each feed their own half, as a GAN has."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        first, second = self.optimizers()
        for optimizer, loss in (
            (first, lambda: self.body(batch[0]).square().mean()),
            (second, lambda: self.head(self.body(batch[0]).detach()).square().mean()),
        ):
            optimizer.zero_grad()
            self.manual_backward(loss())
            optimizer.step()

    def configure_optimizers(self):
        return [torch.optim.SGD(part.parameters(), lr=0.01) for part in (self.body, self.head)]


class ManualStarved(Manual):
    def __init__(self) -> None:
        super().__init__()
        self.quality = nn.Linear(4, 1)


def line_of(cls: type, piece: str) -> int:
    lines, first = inspect.getsourcelines(cls)
    return first + next(place for place, line in enumerate(lines) if piece in line)


def fit(module, callback, tmp_path: Path, *, library=pl, steps: int = 6, **options):
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(12, 3)), batch_size=2)
    trainer = library.Trainer(
        max_steps=steps,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        callbacks=[callback] if callback is not None else [],
        **options,
    )
    trainer.fit(module, loader)
    return trainer


def test_a_healthy_module_is_said_to_be_so_once(tmp_path: Path) -> None:
    said: list[str] = []
    callback = GradientFlowCallback(every=3, write=said.append)
    module = Plain()
    fit(module, callback, tmp_path)
    assert said == ["step 0: gradient flow is ok: it arrives at every parameter"]
    assert [(seen.step, seen.ok) for seen in callback.diagnoses] == [(0, True), (3, True)]
    assert "training_step" not in vars(module)
    assert torch.overrides._len_torch_function_stack() == 0


def test_training_is_the_same_to_the_bit(tmp_path: Path) -> None:
    finished = []
    for callback in (None, GradientFlowCallback(every=1, write=None)):
        module = Plain()
        torch.manual_seed(1)
        fit(module, callback, tmp_path)
        finished.append(module)
    for one, two in zip(finished[0].parameters(), finished[1].parameters(), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("options", [{}, {"accumulate_grad_batches": 2}, {"precision": "bf16-mixed"}])
def test_a_cut_term_is_named_with_its_line(tmp_path: Path, options: dict) -> None:
    callback = GradientFlowCallback(every=2, write=None, report=tmp_path / "reports")
    fit(CutTerm(), callback, tmp_path, steps=2, **options)
    assert callback.diagnoses
    for seen in callback.diagnoses:
        finding = seen.diagnosis.findings[0]
        assert not seen.ok
        assert (finding.kind, finding.file, finding.line) == ("discrete_op", __file__, line_of(CutTerm, "# cut here"))
        assert seen.diagnosis.dead == ("lm",)
    assert (tmp_path / "reports" / "step-000000" / "diagnosis.json").is_file()


def test_a_head_that_is_never_reached(tmp_path: Path) -> None:
    callback = GradientFlowCallback(write=None)
    fit(UnusedHead(), callback, tmp_path, steps=1)
    assert callback.diagnoses[0].starved == ("quality.weight", "quality.bias")


def test_a_term_that_dies_is_reported_with_its_step(tmp_path: Path) -> None:
    said: list[str] = []
    callback = GradientFlowCallback(every=2, terms=["hinge"], write=said.append)
    fit(Closing(), callback, tmp_path)
    assert [(seen.step, seen.ok) for seen in callback.diagnoses] == [(0, True), (2, True), (4, False)]
    assert said[1].startswith("step 4: gradient flow: BROKEN")
    finding = callback.diagnoses[2].diagnosis.errors[0]
    assert (finding.kind, finding.term, finding.line) == ("zero_gradient", "hinge", line_of(Closing, "# closes"))


def test_manual_optimisation_counts_all_losses_together(tmp_path: Path) -> None:
    callback = GradientFlowCallback(write=None)
    fit(Manual(), callback, tmp_path, steps=2)
    assert callback.diagnoses[0].ok
    callback = GradientFlowCallback(write=None)
    fit(ManualStarved(), callback, tmp_path, steps=2)
    assert callback.diagnoses[0].starved == ("quality.weight", "quality.bias")
    assert not callback.diagnoses[0].ok


def test_it_can_stop_the_training(tmp_path: Path) -> None:
    with pytest.raises(GradientFlowError, match="step 0: gradient flow: BROKEN"):
        fit(CutTerm(), GradientFlowCallback(on_broken="raise", write=None), tmp_path)
    assert torch.overrides._len_torch_function_stack() == 0


def test_the_count_of_steps_is_resumed() -> None:
    callback = GradientFlowCallback(every=10)
    callback._batches = 25
    again = GradientFlowCallback(every=10)
    again.load_state_dict(callback.state_dict())
    assert again._batches == 25


def test_the_other_name_of_the_package_works_too(tmp_path: Path) -> None:
    """pytorch_lightning's classes are not lightning.pytorch's; its Trainer takes the callback all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = pytest.importorskip("pytorch_lightning")

    class Cut(other.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Linear(3, 2)

        def training_step(self, batch, batch_idx):
            output = self.body(batch[0])
            return output.square().mean() + output.argmax(-1).float().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.01)

    callback = GradientFlowCallback(write=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(Cut(), callback, tmp_path, library=other, steps=1)
    assert callback.diagnoses[0].diagnosis.findings[0].kind == "discrete_op"


@pytest.mark.slow
def test_the_class_follows_the_package_that_the_program_uses() -> None:
    code = (
        "import sys, {package}\n"
        "from gradcheck_lm.integrations.lightning_callback import GradientFlowCallback\n"
        "import {package} as library\n"
        "print(issubclass(GradientFlowCallback, library.Callback))"
    )
    for package in ("pytorch_lightning", "lightning.pytorch"):
        done = run_process([sys.executable, "-c", code.format(package=package)], capture_output=True, text=True)
        assert done.stdout.split()[-1:] == ["True"], done.stderr


def test_without_lightning_it_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "gradcheck_lm.integrations.lightning_callback")
    with pytest.raises(ImportError, match=re.escape(install_line("lightning"))):
        importlib.import_module("gradcheck_lm.integrations.lightning_callback")
