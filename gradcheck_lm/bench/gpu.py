"""Everything that needs a GPU, in order of value, inside a time: tests, the full CRNN with all arms, speeds, memory."""

from __future__ import annotations

import copy
import dataclasses
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.bench.train import run_train
from gradcheck_lm.bench.train_plan import Plan, reduced
from gradcheck_lm.errors import ArgumentError, GradcheckLMError
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.checkpoint import load_recogniser
from gradcheck_lm.htr.crnn import build_crnn
from gradcheck_lm.htr.synthetic import TRAINING_HANDS, SyntheticLines
from gradcheck_lm.htr.text import load_sentences
from gradcheck_lm.lab.comparing.compare import device_name, make_benches, versions
from gradcheck_lm.lab.comparing.experiments import run_new_hand, run_with_labels
from gradcheck_lm.lab.comparing.same_bits import same_bits
from gradcheck_lm.lab.config import ComparisonConfig, TrainingConfig, new_hand_arms, with_labels_arms
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.machine.deterministic import deterministic
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.trainer import Trainer, make_accelerator
from gradcheck_lm.lm import AnyLanguageModel, load_language_model

Stage = Callable[[], dict[str, Any]]


class Budget:
    """Seconds left of the time given."""

    def __init__(self, minutes: float) -> None:
        self.ends = time.monotonic() + 60 * minutes

    @property
    def left(self) -> float:
        return self.ends - time.monotonic()


def run_gpu(
    out: str | Path, *, minutes: float, device: str, lm: str, tests: bool, progress: Callable[[str], None],
    reference: str | Path | None = None,
) -> Path:  # fmt: skip
    """Run the stages until the time is up; what is done is on disk after each. Gives the path of gpu.md.

    Args:
        reference: a checkout of the reference implementation, for the training benchmark.
    Raises:
        ArgumentError: "cuda" without a GPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ArgumentError("torch sees no GPU here; --device cpu tries the benchmark itself, slowly")
    out, budget = Path(out), Budget(minutes)
    target = torch.device(device)
    report: dict[str, Any] = {"device": device_name(target), "versions": versions(), "stages": {}, "skipped": {}}
    cache: dict[str, Any] = {}

    def language_model() -> AnyLanguageModel:
        if "lm" not in cache:
            try:
                cache["lm"] = load_language_model(lm, device=target)
            except GradcheckLMError as error:
                report["skipped"][lm] = f"{error} (went on with the small model that ships)"
                cache["lm"] = load_language_model("char", device=target)
        return cache["lm"]

    small = device == "cpu"
    stages: list[tuple[str, float, Stage]] = [
        ("tests", 20, lambda: gpu_tests(budget) if tests else {"skipped": "not asked for"}),
        ("full_crnn_side_by_side", 60, lambda: side_by_side(language_model(), target, out, small)),
        ("training", 90, lambda: training(out, target, reference, small, progress)),
        ("throughput", 30, lambda: throughput(target, small)),
        ("scoring", 20, lambda: scoring(language_model(), small)),
        ("new_hand", 60, lambda: new_hand(language_model(), target, out, small, budget)),
    ]
    for name, least, stage in stages:
        if budget.left < least:
            report["skipped"][name] = f"{budget.left:.0f} s were left, {least:.0f} s are needed"
            continue
        progress(f"{name} ({budget.left:.0f} s left)")
        began = time.monotonic()
        try:
            report["stages"][name] = stage()
        except (GradcheckLMError, RuntimeError) as error:
            # one stage that fails must not cost the others; the page shows it
            report["stages"][name] = {"failed": f"{type(error).__name__}: {error}"}
        report["stages"][name]["stage_seconds"] = time.monotonic() - began
        write_text_atomic(out / "gpu.json", json.dumps(report, indent=2, default=str) + "\n")
    return write_text_atomic(out / "gpu.md", page(report))


def gpu_tests(budget: Budget) -> dict[str, Any]:
    """The tests marked gpu, in a process of their own."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=max(10, budget.left / 3), check=False)
    except subprocess.TimeoutExpired:
        return {"failed": "ran out of time"}
    lines = found.stdout.strip().splitlines()
    return {"exit_code": found.returncode, "closing_line": lines[-1] if lines else found.stderr[-300:]}


def side_by_side(language_model: AnyLanguageModel, device: torch.device, out: Path, small: bool) -> dict[str, Any]:
    """The full CRNN from fresh weights, every arm on the same batches: time, memory, and whose weights are the same."""
    steps, size = (2, 2) if small else (20, 16)
    config = ComparisonConfig(
        recogniser="full",
        steps=steps,
        label_steps=steps,
        label_batch_size=size,
        adapt_lines=min(320, steps * size),
        evaluation_lines=size,
    )
    model, charset = load_recogniser("full", seed=0)
    benches = make_benches(config, model.to(device).eval(), charset, language_model, out / "full", lambda *_: None)
    with deterministic():
        outcomes = run_with_labels(benches["with_labels"], with_labels_arms())
    keys = (
        "lm_gradient_norm", "lm_ctc_cosine", "identical_to_ctc_only", "difference_to_ctc_only", "seconds_per_step",
        "peak_memory_mb",
    )  # fmt: skip
    arms = {name: {key: outcome.figures[key] for key in keys} for name, outcome in outcomes.items()}
    return {"steps": steps, "batch_size": size, "same_bits": same_bits(arms)["words"], "arms": arms}


def training(
    out: Path, device: torch.device, reference: str | Path | None, small: bool, progress: Callable[[str], None]
) -> dict[str, Any]:
    """The training benchmark, without what takes a compiler; train.md in `out` says what the figures are."""
    plan = reduced(Plan(device, 2 if small else 7))
    if small:
        plan = dataclasses.replace(plan, recogniser=plan.laptop, batch=2, batches=1, buckets=1)
    run_train(out, reference=reference, device=device.type, repeats=plan.repeats, progress=progress, plan=plan)
    return json.loads((out / "train.json").read_text(encoding="utf-8"))["stages"]


def throughput(device: torch.device, small: bool) -> dict[str, Any]:
    """Lines a second of a CTC training step of the full CRNN, by batch size and precision."""
    charset = Charset.standard()
    model = build_crnn("full", classes=charset.size)
    texts = load_sentences("stdlib", charset=charset, split="train")
    count, steps = (4, 2) if small else (128, 12)
    data = LineData(SyntheticLines(texts, TRAINING_HANDS, count, 0), model.config, charset)
    rows = []
    for size in (2,) if small else (16, 64, 128):
        for precision in ("no",) if small else ("no", "bf16"):
            config = TrainingConfig(steps=steps, batch_size=size, mixed_precision=precision, schedule="constant")
            trainer = Trainer(
                copy.deepcopy(model), labelled(charset, None, 0.0), data, config,
                accelerator=make_accelerator(config, None, device),
            )  # fmt: skip
            result = trainer.run()
            # the first steps pay for cuDNN's choice of algorithms
            seconds = statistics.median(record["seconds"] for record in result.records[steps // 3 :])
            rows.append(
                {
                    "batch_size": size,
                    "precision": "float32" if precision == "no" else precision,
                    "lines_per_second": size / seconds,
                    "peak_memory_mb": result.peak_memory_mb,
                }
            )
    return {"rows": rows}


def scoring(language_model: AnyLanguageModel, small: bool) -> dict[str, Any]:
    """Texts a second: the batched scorer against one text at a time, same model, same run."""
    texts = load_sentences("stdlib", charset=Charset.standard(), split="test")[: 8 if small else 256]

    def timed(work: Callable[[], Any]) -> float:
        work()  # warm-up
        began = time.perf_counter()
        work()
        if language_model.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    some = texts[: min(32, len(texts))]
    batched = len(texts) / timed(lambda: language_model.score(texts))
    same = len(some) / timed(lambda: language_model.score(some))
    alone = len(some) / timed(lambda: [language_model.score([text]) for text in some])
    return {
        "model": language_model.name,
        "dtype": str(language_model.dtype),
        "texts_per_second": batched,
        "texts_per_second_32": same,
        "texts_per_second_one_at_a_time": alone,
        "ratio_at_32": same / alone,
    }


def new_hand(
    language_model: AnyLanguageModel, device: torch.device, out: Path, small: bool, budget: Budget
) -> dict[str, Any]:
    """The experiment without labels on the recogniser that ships, as many seeds as the time allows."""
    rows: list[dict[str, Any]] = []
    model, charset = load_recogniser("synthetic")
    for seed in range(1 if small else 5):
        began = time.monotonic()
        sizes = {"steps": 1, "adapt_lines": 8, "evaluation_lines": 8} if small else {}
        config = ComparisonConfig(seed=seed, **sizes)  # type: ignore[arg-type]
        benches = make_benches(
            config, model.to(device).eval(), charset, language_model, out / f"seed-{seed}", lambda *_: None
        )
        with deterministic():
            outcomes = run_new_hand(benches["new_hand"], new_hand_arms())
        keys = ("cer_before", "cer_after", "cer_interval", "lm_gradient_norm", "seconds_per_step", "peak_memory_mb")
        rows.append({name: {key: o.figures[key] for key in keys} for name, o in outcomes.items()})
        if budget.left < 1.2 * (time.monotonic() - began):
            break
    return {"seeds": len(rows), "rows": rows}


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    lines = [f"# On {report['device']}", "", "`python -m gradcheck_lm.bench gpu --minutes 9 --out DIR`", ""]
    lines += [", ".join(f"{name} {value}" for name, value in report["versions"].items()), ""]
    for name, stage in report["stages"].items():
        lines += [f"## {name.replace('_', ' ')} ({stage['stage_seconds']:.0f} s)", ""]
        lines += ["```json", json.dumps(stage, indent=2, default=str), "```", ""]
    if report["skipped"]:
        lines += ["## Not done", "", *(f"- {name}: {why}" for name, why in report["skipped"].items()), ""]
    return "\n".join(lines)
