"""What callbacks hand to loggers, read back from what the loggers wrote."""

from __future__ import annotations

import csv
import importlib
import warnings
from pathlib import Path

import pytest
import torch
from body_and_head import Net
from logged import finish_wandb, read_tensorboard
from torch import nn

from gradcheck_lm.errors import MissingPackageError
from gradcheck_lm.flow import attribute, diagnose
from gradcheck_lm.integrations import loggers
from gradcheck_lm.integrations.accelerate_loop import GradientFlowLoop

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
NAMES = {
    "gradflow/ok", "gradflow/starved", "gradflow/fit/norm", "gradflow/fit/share", "gradflow/fit/cosine",
    "gradflow/lm/norm", "gradflow/lm/share", "gradflow/update_to_weight", "gradflow/update_to_weight/body",
    "gradflow/update_to_weight/head",
}  # fmt: skip


def terms_of(model: nn.Module, batch: torch.Tensor) -> dict[str, torch.Tensor]:
    output = model(batch)
    return {"fit": output.square().mean(), "lm": output.argmax(-1).float().mean()}


# ---------------------------------------------------------------------- the numbers


def test_the_scalars_are_those_of_the_diagnosis() -> None:
    model, batch = Net(), torch.randn(4, 3)

    def terms():
        output = model(batch)
        fit, size = output.square().mean(), 0.1 * output.sum()
        return {"fit": fit, "size": size, "loss": fit + size}

    answer = diagnose(terms, wrt=model)
    values = loggers.scalars_of(answer, ok=True, starved=0, attribution=attribute(terms(), model))
    norms = {}
    for name, term in terms().items():
        norms[name] = torch.cat(
            [part.flatten() for part in torch.autograd.grad(term, list(model.parameters()), retain_graph=True)]
        )
    assert values["gradflow/fit/norm"] == pytest.approx(norms["fit"].norm().item(), rel=1e-5)
    share = norms["fit"].norm() / (norms["fit"].norm() + norms["size"].norm())
    assert values["gradflow/fit/share"] == pytest.approx(share.item(), rel=1e-5)
    assert values["gradflow/fit/share"] + values["gradflow/size/share"] == pytest.approx(1)
    cosine = torch.cosine_similarity(norms["fit"], norms["loss"], 0).item()
    assert values["gradflow/fit/cosine"] == pytest.approx(cosine, rel=1e-4)
    assert "gradflow/loss/norm" not in values  # the whole is none of its own terms


# ---------------------------------------------------------------------- Lightning


def lightning_fit(logger_of, tmp_path: Path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pl = importlib.import_module("lightning.pytorch")

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = Net().body, Net().head

        def training_step(self, batch, batch_idx):
            terms = terms_of(lambda x: self.head(self.body(x).tanh()), batch[0])
            self.log("train/fit", terms["fit"])
            return terms | {"loss": sum(terms.values())}

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    callback = importlib.import_module("gradcheck_lm.integrations.lightning_callback").GradientFlowCallback(
        every=4, terms=["fit", "lm"], write=None
    )
    made = logger_of(tmp_path)
    trainer = pl.Trainer(
        max_steps=6, accelerator="cpu", devices=1, logger=made, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path, callbacks=[callback],
    )  # fmt: skip
    data = torch.utils.data.TensorDataset(torch.randn(12, 3))
    trainer.fit(Module(), torch.utils.data.DataLoader(data, batch_size=2))
    return made, callback


@pytest.mark.needs("lightning")
def test_lightnings_csv(tmp_path: Path) -> None:
    from lightning.pytorch.loggers import CSVLogger

    made, callback = lightning_fit(CSVLogger, tmp_path)
    with Path(made.log_dir, "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert set(rows[0]) - {"step", "epoch", "train/fit"} == NAMES
    told = {int(row["step"]): row for row in rows if row["gradflow/ok"]}
    assert set(told) == {0, 4}
    assert float(told[4]["gradflow/ok"]) == 0.0
    fit = callback.diagnoses[1].diagnosis.terms["fit"]
    assert float(told[4]["gradflow/fit/norm"]) == pytest.approx(fit.gradient_norm)
    assert float(told[4]["gradflow/lm/norm"]) == 0.0
    assert [int(row["step"]) for row in rows if row["gradflow/update_to_weight"]] == [1, 5]


@pytest.mark.needs("lightning", "tensorboard")
def test_lightnings_tensorboard(tmp_path: Path) -> None:
    from lightning.pytorch.loggers import TensorBoardLogger

    made, callback = lightning_fit(TensorBoardLogger, tmp_path)
    made.finalize("success")
    scalars, texts = read_tensorboard(Path(made.log_dir))
    assert set(scalars) >= NAMES
    assert scalars["gradflow/ok"] == [(0, 0.0), (4, 0.0)]
    assert scalars["gradflow/fit/share"] == [(0, 1.0), (4, 1.0)]
    (text,) = texts.values()
    assert "GF101 discrete_op" in text
    assert all(line.startswith("    ") for line in text.splitlines())  # Markdown keeps it monospaced
    assert callback.diagnoses[0].diagnosis.errors[0].op in text


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {"WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path), "WANDB_SILENT": "true"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.slow
@pytest.mark.needs("lightning", "wandb")
def test_lightnings_wandb(tmp_path: Path, offline: None) -> None:
    from lightning.pytorch.loggers import WandbLogger

    lightning_fit(lambda folder: WandbLogger(project="gradflow", save_dir=folder, offline=True), tmp_path)
    rows, pages = finish_wandb()
    assert {name for row in rows for name in row} >= NAMES
    assert [float(row["gradflow/ok"]) for row in rows if "gradflow/ok" in row] == [0.0, 0.0]
    (page,) = pages
    assert "GF101" in page.read_text(encoding="utf-8")
    assert "<script" in page.read_text(encoding="utf-8")  # the whole page, not a picture of it


# ---------------------------------------------------------------------- transformers


def transformers_train(tmp_path: Path, report_to: list[str]):
    transformers = importlib.import_module("transformers")

    class Trainer(transformers.Trainer):
        def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
            terms = terms_of(model, inputs["batch"])
            self.terms = terms
            return sum(terms.values())

    class Batches(Net):
        def forward(self, batch: torch.Tensor):
            return super().forward(batch)

    holder: list = []
    module = importlib.import_module("gradcheck_lm.integrations.transformers_callback")
    callback = module.GradientFlowCallback(every=4, terms=lambda output: holder[0].terms, write=None)
    settings = transformers.TrainingArguments(
        output_dir=str(tmp_path / "out"), max_steps=6, per_device_train_batch_size=2, report_to=report_to,
        save_strategy="no", disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False, logging_strategy="no",
        learning_rate=0.1, lr_scheduler_type="constant", remove_unused_columns=False,
    )  # fmt: skip
    data = [{"batch": torch.randn(3)} for _ in range(12)]
    trainer = Trainer(model=Batches(), args=settings, train_dataset=data, callbacks=[callback])
    holder.append(trainer)
    trainer.train()
    return trainer, callback


@pytest.mark.needs("transformers", "accelerate")
def test_transformers_log_history(tmp_path: Path) -> None:
    trainer, callback = transformers_train(tmp_path, [])
    rows = [row for row in trainer.state.log_history if "gradflow/ok" in row]
    assert [row["step"] for row in rows] == [1, 5]  # a step is logged under the number of those done, as its loss is
    assert rows[0]["gradflow/fit/norm"] == callback.diagnoses[0].diagnosis.terms["fit"].gradient_norm
    ratios = [
        row["gradflow/update_to_weight"] for row in trainer.state.log_history if "gradflow/update_to_weight" in row
    ]
    assert len(ratios) == 2
    assert {name for row in trainer.state.log_history for name in row if name.startswith("gradflow")} == NAMES


@pytest.mark.needs("transformers", "accelerate", "tensorboard")
def test_transformers_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "board"))
    transformers_train(tmp_path, ["tensorboard"])
    (folder,) = {path.parent for path in tmp_path.glob("**/events.out.*")}
    scalars, texts = read_tensorboard(folder)
    assert {f"train/{name}" for name in NAMES} <= set(scalars)  # its own prefix
    assert [step for step, _ in scalars["train/gradflow/ok"]] == [1, 5]
    assert any("GF101" in text for text in texts.values())


@pytest.mark.slow
@pytest.mark.needs("transformers", "accelerate", "wandb")
def test_transformers_wandb(tmp_path: Path, offline: None) -> None:
    transformers_train(tmp_path, ["wandb"])
    rows, pages = finish_wandb()
    assert {f"train/{name}" for name in NAMES} <= {name for row in rows for name in row}
    assert len(pages) == 1


# ---------------------------------------------------------------------- accelerate


@pytest.mark.needs("accelerate", "tensorboard")
def test_accelerates_trackers(tmp_path: Path) -> None:
    accelerate = importlib.import_module("accelerate")
    accelerator = accelerate.Accelerator(cpu=True, log_with="tensorboard", project_dir=str(tmp_path))
    accelerator.init_trackers("run")
    model = Net()
    model, optimizer = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=0.1))
    flow = GradientFlowLoop(accelerator, model, optimizer, every=4, write=None)
    for _ in range(6):
        with flow.step():
            terms = terms_of(model, torch.randn(2, 3))
            flow.terms(terms)
            accelerator.backward(sum(terms.values()))
            optimizer.step()
            optimizer.zero_grad()
    flow.close()
    accelerator.end_training()
    (folder,) = {path.parent for path in tmp_path.glob("**/events.out.*")}
    scalars, texts = read_tensorboard(folder)
    assert set(scalars) >= NAMES
    assert scalars["gradflow/ok"] == [(0, 0.0), (4, 0.0)]
    assert any("GF101" in text for text in texts.values())


# ---------------------------------------------------------------------- troubles


def test_without_a_template_engine_the_text_goes_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradcheck_lm.draw.page import page

    def missing(*rest, **options):
        raise MissingPackageError("no jinja2")

    monkeypatch.setattr(page, "page_html", missing)
    model = Net()
    answer = diagnose(lambda: terms_of(model, torch.randn(2, 3)), wrt=model)
    assert loggers._page(answer).startswith('<pre style="font-family:monospace">gradient flow: BROKEN')


def test_a_logger_that_fails_is_told_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Full:
        def add_text(self, *rest, **options):
            raise OSError("disk full")

    loggers.hand_over([Full(), None, object()], "text", 3)
    (record,) = caplog.records
    assert record.getMessage() == "the report of step 3 could not be logged: OSError: disk full"
