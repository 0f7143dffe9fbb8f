"""The training benchmark: it runs the reference's own step, compares like with like, and counts what it says."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gradcheck_lm.bench import peak
from gradcheck_lm.bench.flops import lstm_flops, step_flops, time_of_parts
from gradcheck_lm.bench.peak import Peak, Probes, best_of, peak_flops_per_second
from gradcheck_lm.bench.reference import load_reference
from gradcheck_lm.bench.timing import Timings
from gradcheck_lm.bench.train import STAGES, against_the_reference, run_train
from gradcheck_lm.bench.train_page import page
from gradcheck_lm.bench.train_plan import Contestant, Plan, lines_of, reduced
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN, CRNNConfig, build_crnn, count_parameters
from gradcheck_lm.lab.lines.batches import BatchMaker
from gradcheck_lm.lm import dtype as dtype_module

CHARSET = Charset.standard()
TINY = CRNNConfig(
    name="tiny", height=32, width=256, stem_channels=4, groups=((1, 4), (1, 8)), lstm_layers=2, lstm_hidden=6,
    lstm_dropout=0.0, head_dropout=0.0, classes=CHARSET.size,
)  # fmt: skip
PLAN = Plan(
    torch.device("cpu"), 2, recogniser=TINY, laptop=TINY, batch=2, batches=3, buckets=2, steps=3, laptop_steps=3,
    compile=False, probes=Probes(32, 1, 4, 8, 1),
)  # fmt: skip

# what a checkout looks like from outside: names, arguments and imports, with a network of ours behind them
MODELS = """
from gradcheck_lm.htr.crnn import CRNN, CRNNConfig
class HTRNet(CRNN):
    def __init__(self, arch_cfg, nclasses):
        super().__init__(CRNNConfig(name="theirs", height=32, width=256, stem_channels=4, groups=arch_cfg.groups,
            lstm_layers=2, lstm_hidden=6, lstm_dropout=0.0, head_dropout=0.0, classes=nclasses))
    def forward(self, images):
        return super().forward(images, with_shortcut=True)
"""
TRAINER = """
from omegaconf import OmegaConf
import tqdm
import torch
from torch import nn
from utils.htr_dataset import HTRDataset
from models import HTRNet
from utils.transforms import aug_transforms
from utils.metrics import CER, WER

class HTRTrainer(nn.Module):
    def prepare_net(self):
        print("noise")
        self.net = HTRNet(self.config.arch, len(self.classes["classes"]) + 1).to(self.config.device)
    def prepare_losses(self):
        self.ctc_loss = lambda y, t, ly, lt: nn.CTCLoss(reduction="sum", zero_infinity=True)(
            y.log_softmax(2), t, ly, lt) / self.config.train.batch_size
    def prepare_optimizers(self):
        self.optimizer = torch.optim.AdamW(self.net.parameters(), self.config.train.lr)
    def sample_decoding(self):
        raise RuntimeError("a test line was read")
    def train(self, epoch):
        self.net.train()
        bar = tqdm.tqdm(self.loaders["train"])
        bar.set_description(f"Epoch {epoch}")
        self.seen = []
        for img, transcr in bar:
            self.optimizer.zero_grad()
            output, aux = self.net(img)
            labels = torch.IntTensor([self.classes["c2i"][c] for c in "".join(transcr)])
            sizes = torch.IntTensor([len(t) for t in transcr])
            frames = torch.IntTensor(img.size(0) * [output.size(0)])
            loss = self.ctc_loss(output, labels, frames, sizes) + 0.1 * self.ctc_loss(aux, labels, frames, sizes)
            loss.backward()
            self.optimizer.step()
            bar.set_postfix(values=f"{loss.item():.2f}")
        self.sample_decoding()
"""
CONFIG = """
resume: './somewhere.pt'
device: 'cuda:0'
arch:
  groups: [[1, 4], [1, 8]]
train:
  lr: 1e-3
  batch_size: 16
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    folder.mkdir()
    for name, text in {"models.py": MODELS, "trainer.py": TRAINER, "config.yaml": CONFIG}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def load(folder: Path) -> Any:
    data = lines_of(TINY, 2)
    batch = data.take(range(2))
    return load_reference(folder, batch.images, batch.texts or [], CHARSET, device=torch.device("cpu"))


# ---------------------------------------------------------------------- the reference


def test_the_references_own_step_is_run(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    reference = load(checkout)
    assert reference.parameters == count_parameters(CRNN(TINY))
    assert reference.commit == "unknown"
    before = {name: value.clone() for name, value in reference.net.named_parameters()}
    for _ in range(2):
        reference.step()
    moved = [name for name, value in reference.net.named_parameters() if not torch.equal(value, before[name])]
    assert len(moved) == len(before)
    change = (reference.net.stem.weight.detach() - before["stem.weight"]).abs().max()
    assert change <= 2.1e-3  # two steps of the learning rate in its configuration
    assert reference.net.training
    assert capsys.readouterr().out == ""
    first, last = map(int, reference.lines.split(" to "))
    rows = TRAINER.splitlines()
    assert "def train(self, epoch)" in rows[first - 1]
    assert "self.sample_decoding()" in rows[last - 1]


def test_importing_it_leaves_no_module_behind(checkout: Path) -> None:
    mark = object()
    sys.modules["models"] = mark  # type: ignore[assignment]
    try:
        load(checkout)
        assert sys.modules.pop("models") is mark
    finally:
        sys.modules.pop("models", None)
    assert not {"omegaconf", "utils", "utils.metrics"} & {
        name for name, module in sys.modules.items() if type(module).__name__ == "_StandIn"
    }


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path, checkout: Path) -> None:
    with pytest.raises(ArgumentError, match=r"is no checkout of georgeretsi/HTR-best-practices: it has no models\.py"):
        load(tmp_path)
    (checkout / "config.yaml").unlink()
    with pytest.raises(ArgumentError, match=r"it has no config\.yaml\. Clone that repository from GitHub and give"):
        load(checkout)
    (checkout / "config.yaml").write_text("arch: 3", encoding="utf-8")
    with pytest.raises(ArgumentError, match=r"config\.yaml is not the configuration of"):
        load(checkout)
    (checkout / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (checkout / "trainer.py").write_text("class Other: ...", encoding="utf-8")
    with pytest.raises(ArgumentError, match=r"another form than the one that is known \(AttributeError: .*HTRTrainer"):
        load(checkout)


def test_another_network_is_not_compared(checkout: Path) -> None:
    (checkout / "config.yaml").write_text(CONFIG.replace("[1, 8]", "[2, 8]"), encoding="utf-8")
    with pytest.raises(ArgumentError, match=r"parameters, ours [\d,]+: they cannot be compared"):
        against_the_reference(build_crnn(TINY), lines_of(TINY, 2), checkout, PLAN)


def test_our_contestant_takes_the_step_of_our_trainer_on_the_same_lines(checkout: Path) -> None:
    data = lines_of(TINY, 2)
    contestant = Contestant(build_crnn(TINY), data, PLAN)
    assert contestant.model.training
    before = contestant.model.stem.weight.detach().clone()
    contestant.step()
    assert not torch.equal(contestant.model.stem.weight, before)
    # theirs and ours read the same pictures: only their order may differ
    ours, theirs = contestant.make(0), data.take(range(2))
    assert sorted(ours.texts) == sorted(theirs.texts)
    assert torch.equal(ours.images.sum((1, 2, 3)).sort()[0], theirs.images.sum((1, 2, 3)).sort()[0])


# ---------------------------------------------------------------------- what is computed


def test_lstm_flops_are_those_of_its_matrix_products() -> None:
    model = CRNN(TINY)
    lines, frames, forward = 3, 10, 0
    for name, weight in model.recurrent.named_parameters():
        if name.startswith("weight"):  # each is multiplied once for every line and frame
            forward += 2 * lines * frames * weight.numel()
    assert lstm_flops(model, lines, frames) == 3 * forward


def test_convolution_flops_are_those_of_their_shapes() -> None:
    model, lines, expected = CRNN(TINY), 3, 0
    shapes: list[int] = []

    def count(module: Any, inputs: Any, output: torch.Tensor) -> None:
        shapes.append(2 * output.numel() * module.weight[0].numel())

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    model.columns(torch.rand(lines, 1, 32, 256))
    expected = 3 * sum(shapes) - shapes[0]  # the first one needs no gradient for its picture
    found = step_flops(CRNN(TINY), lines, 256)
    assert found["convolutions"] == expected
    frames = TINY.frames()
    heads = 2 * frames * lines * CHARSET.size * (2 * TINY.lstm_hidden + 3 * 8)
    assert found["heads"] == 3 * heads


def test_the_parts_together_are_the_step() -> None:
    model, data = CRNN(TINY), lines_of(TINY, 2)
    batch = data.take(range(2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    gradients: list[dict[str, torch.Tensor]] = []
    optimizer.step = lambda: gradients.append({n: p.grad.clone() for n, p in model.named_parameters()})  # type: ignore
    parts = time_of_parts(model, optimizer, batch.images, batch.texts, CHARSET, 1)
    assert list(parts) == ["convolutions", "lstm", "heads", "ctc", "optimizer"]
    assert all(seconds > 0 for seconds in parts.values())
    from gradcheck_lm.lab.training.terms import labelled

    labelled(CHARSET, None, 0.0)(model, batch).total.backward()
    torch.testing.assert_close(gradients[-1], {n: p.grad for n, p in model.named_parameters()}, rtol=1e-3, atol=1e-5)


# ---------------------------------------------------------------------- the most of the device


def test_a_work_that_would_take_too_long_is_left_out_unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, done = torch.device("cpu"), []
    matmul = torch.matmul

    def counted(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
        done.append(len(one))
        return matmul(one, two)

    monkeypatch.setattr(torch, "matmul", counted)
    seconds = iter(range(1000))
    monkeypatch.setattr(peak, "clock_of", lambda device: lambda: float(next(seconds)))  # every call takes a second
    found = peak_flops_per_second(cpu, torch.float32, probes=Probes(32, 8, 4, 8, 2, seconds=100))
    # the product has 8 * 8 * 8 times the operations of its small one, the convolution 8 * 8 times
    assert found.left_out == {"matrix product": "one would take 512 s, more than the 100 s it may take"}
    assert found.reached == {"convolution": 2 * 9 * 64 * 8 * 64 * 4 * 8}
    assert done == [4, 4]
    found = peak_flops_per_second(cpu, torch.float32, probes=Probes(32, 8, 4, 8, 2, seconds=600))
    assert found.left_out == {}
    assert done == [4, 4, 4, 4, 32, 32, 32]


def test_a_work_is_repeated_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(0, 10_000, 25))
    monkeypatch.setattr(peak.time, "monotonic", lambda: float(next(times)))
    calls: list[int] = []
    found = peak._best(1.0, lambda: calls.append(1), repeats=6, seconds=60, device=torch.device("cpu"))
    assert len(found) == len(calls) == 3


def test_the_best_of_all_turns_is_kept_and_what_is_in_none_is_named() -> None:
    one, two = Peak({"product": 3.0}, {"convolution": "slow"}), Peak({"product": 2.0, "convolution": 1.0}, {})
    found = best_of({"float32": one, "bfloat16": one}, {"float32": two, "bfloat16": one})
    assert found == {
        "peak_flops_per_second": {"float32": {"product": 3.0, "convolution": 1.0}, "bfloat16": {"product": 3.0}},
        "left_out": {"bfloat16 convolution": "slow"},
    }


# ---------------------------------------------------------------------- the page


def test_the_whole_benchmark_on_a_tiny_recogniser(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(dtype_module, "prefers_bfloat16", lambda: True)
    path = run_train(out, reference=checkout, device="cpu", repeats=2, progress=lambda _: None, plan=PLAN)
    report = json.loads((out / "train.json").read_text(encoding="utf-8"))
    text = path.read_text(encoding="utf-8")
    stages = report["stages"]
    assert set(stages["reference"]["rows"]) == {"ours", "reference", "ours, bf16"}
    assert all(len(seconds) == 2 for seconds in stages["reference"]["seconds"].values())
    assert stages["reference"]["parameters"] == report["parameters"]
    ratio = Timings(stages["reference"]["seconds"]).ratio("reference", "ours")
    assert stages["reference"]["ratio"] == ratio
    assert f"| {ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f}) |" in text
    assert set(stages["options"]["gains"]) == {"feature maps in rows", "fused", "bf16"}
    works = {"matrix product", "convolution"}
    measured = {kind: set(reached) for kind, reached in stages["flops"]["peak_flops_per_second"].items()}
    assert measured == {"float32": works, "bfloat16": works}
    assert "Left out" not in text
    data = lines_of(TINY, 6, buckets=2)
    make = BatchMaker(data, Contestant(build_crnn(TINY), data, PLAN).trainer.config)
    assert stages["buckets"]["widths"] == [make(step).images.shape[-1] for step in range(3, 6)]
    rows = stages["data"]["rows"]
    assert [(row["source"], row["prefetch"]) for row in rows[:4]] == [
        ("held in memory", 0), ("held in memory", 2), ("read from PNG files", 0), ("read from PNG files", 2),
    ]  # fmt: skip
    assert all(0 <= row["data_share"] <= 1 for row in rows)
    assert "`python -m gradcheck_lm.bench train --device cuda --reference FOLDER` measures the same there" in text
    assert "of its trainer.py" in text
    assert str(tmp_path) not in text + json.dumps(report)


def test_one_stage_alone_and_without_a_reference_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dtype_module, "prefers_bfloat16", lambda: False)

    def run(*only: str) -> str:
        path = run_train(
            tmp_path, reference=None, device="cpu", repeats=2, progress=lambda _: None, plan=PLAN, only=only
        )
        return path.read_text(encoding="utf-8")

    with pytest.raises(ArgumentError, match=r"train\.json has no stage 'flops' yet: measure it too"):
        run("reference")
    run(*STAGES)
    before = json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))["stages"]
    text = run("reference")
    after = json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))["stages"]
    # a processor without instructions for bfloat16: nothing is timed in it, and the page says so
    assert set(after["reference"]["rows"]) == {"ours"}
    assert set(after["options"]["gains"]) == {"feature maps in rows", "fused"}
    assert set(after["flops"]["peak_flops_per_second"]) == {"float32"}
    for name in ("ours, bf16", "bfloat16", "bf16"):
        assert f"Left out: {name} (no instructions for bfloat16 here: torch emulates them" in text
    assert "was not measured: no `--reference FOLDER` was given" in text
    assert text.count("| not measured |") == 1
    assert [name for name in STAGES if before[name] != after[name]] == ["reference"]
    with pytest.raises(ArgumentError, match="there is no stage 'speed': choose of reference, flops, options"):
        run("speed")


def test_a_gpu_that_is_not_there_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ArgumentError, match="torch sees no GPU here: give --device cpu"):
        run_train(tmp_path, reference=None, device="cuda", repeats=2, progress=lambda _: None)
    assert not list(tmp_path.iterdir())


def test_a_smaller_plan_leaves_out_what_takes_long() -> None:
    small = reduced(Plan(torch.device("cpu"), 7))
    assert small.compile is False
    assert (small.recogniser.name, small.batch) == ("full", 16)


def test_the_page_in_docs_is_of_the_data_beside_it() -> None:
    results = Path(__file__).parents[2] / "docs" / "results"
    report = json.loads((results / "train.json").read_text(encoding="utf-8"))
    assert (results / "train.md").read_text(encoding="utf-8") == page(report)
    assert report["parameters"] == report["stages"]["reference"]["parameters"] == 7_363_168
    assert (report["batch"], report["height"], report["width"]) == (16, 128, 1024)


@pytest.mark.gpu
def test_on_a_gpu_the_benchmark_measures_the_gpu(tmp_path: Path) -> None:
    plan = reduced(Plan(torch.device("cuda"), 3))
    path = run_train(tmp_path, reference=None, device="cuda", repeats=3, progress=lambda _: None, plan=plan)
    report = json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))
    flops = report["stages"]["flops"]
    assert "CPU" not in report["device"]
    assert set(flops["peak_flops_per_second"]) == {"float32", "bfloat16", "tf32"}
    assert 0 < flops["flops_per_second"] < max(flops["peak_flops_per_second"]["tf32"].values())
    assert "Not run" not in path.read_text(encoding="utf-8")
