"""What watching costs: a training step of CRNN and GPT-2, plain and under each tool, interleaved in one run."""

from __future__ import annotations

import gc
import json
import math
import os
import random
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from gradcheck_lm.bench.trace.trace_growth import growth
from gradcheck_lm.bench.trace.trace_page import page
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.flow.diagnose import record
from gradcheck_lm.flow.watch import GradientWatch
from gradcheck_lm.htr.crnn import CRNN, CRNNConfig, build_crnn
from gradcheck_lm.lab.comparing.compare import device_name, versions

Step = Callable[[], None]
WATCH_EVERY = 10


@dataclass(frozen=True)
class Size:
    """One workload: a recogniser, a GPT-2 with random weights behind its soft outputs, and a batch."""

    name: str
    recogniser: str
    embedding: int
    layers: int
    lines: int
    width: int


SIZES = (
    Size("tests (about 1 M parameters)", "tests", 128, 4, 4, 256),
    Size("full CRNN and a GPT-2 of 8 layers", "full", 512, 8, 4, 512),
)


class EmptyMode(torch.overrides.TorchFunctionMode):
    """The floor: torch calling back at every function, and nothing done there."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class Workload:
    """A training step that really trains both terms: CTC, and a GPT-2 on expected embeddings of 64 frames."""

    def __init__(self, size: Size) -> None:
        from transformers import GPT2Config, GPT2LMHeadModel

        torch.manual_seed(0)
        self.model: CRNN = (
            CRNN(CRNNConfig("tests", 32, 256, 16, ((1, 16), (1, 32)), 1, 64, 0.0, 0.0))
            if size.recogniser == "tests"
            else build_crnn(size.recogniser, classes=80)
        )
        self.lm = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=80, n_embd=size.embedding, n_layer=size.layers, n_head=4, n_positions=256,
                resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
            )
        ).requires_grad_(False)  # fmt: skip
        self.lm.eval()
        self.images = torch.rand(size.lines, 1, self.model.config.height, size.width)
        self.targets = torch.randint(1, 80, (size.lines, 10))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.parameters = sum(p.numel() for p in (*self.model.parameters(), *self.lm.parameters()))

    def terms(self) -> dict[str, torch.Tensor]:
        output = self.model(self.images)
        logits = output if isinstance(output, torch.Tensor) else output[0]
        frames, lines, _ = logits.shape
        log_probs = logits.log_softmax(-1)
        ctc = F.ctc_loss(log_probs, self.targets, torch.full((lines,), frames), torch.full((lines,), 10))
        soft = log_probs[:64].exp().transpose(0, 1)
        scores = self.lm(inputs_embeds=soft @ self.lm.transformer.wte.weight).logits
        lm = -(soft[:, 1:] * scores[:, :-1].log_softmax(-1)).sum(-1).mean()
        return {"ctc": ctc, "lm": lm}

    def loss(self) -> torch.Tensor:
        terms = self.terms()
        return terms["ctc"] + 0.1 * terms["lm"]

    def finish(self, loss: torch.Tensor) -> None:
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


def conditions(work: Workload) -> dict[str, Step]:
    """The same step under each tool; the keys are the rows of the table."""
    from torch.utils._debug_mode import DebugMode
    from torchviz import make_dot

    watch = GradientWatch(work.model, every=1, write=None)
    watch_terms = GradientWatch(work.model, every=1, write=None)

    def plain() -> None:
        work.finish(work.loss())

    def recorder() -> None:
        with record():
            loss = work.loss()
            loss.backward()
        work.optimizer.step()
        work.optimizer.zero_grad()

    def diagnosis() -> None:
        with record() as run:
            terms = work.terms()
        run.diagnose(terms, work.model)
        work.finish(terms["ctc"] + 0.1 * terms["lm"])

    def watched() -> None:
        work.loss().backward()
        watch.step()
        work.optimizer.step()
        work.optimizer.zero_grad()

    def watched_terms() -> None:
        terms = work.terms()
        watch_terms.terms(terms)
        (terms["ctc"] + 0.1 * terms["lm"]).backward()
        watch_terms.step()
        work.optimizer.step()
        work.optimizer.zero_grad()

    def function_mode() -> None:
        with EmptyMode():
            work.loss().backward()
        work.optimizer.step()
        work.optimizer.zero_grad()

    def debug_mode() -> None:
        with DebugMode():
            work.loss().backward()
        work.optimizer.step()
        work.optimizer.zero_grad()

    def debug_mode_full() -> None:
        with DebugMode(
            record_torchfunction=True, record_stack_trace=True, record_ids=True, record_nn_module=True
        ) as mode:
            work.loss().backward()
        mode.debug_string(show_stack_trace=True)
        work.optimizer.step()
        work.optimizer.zero_grad()

    def anomaly() -> None:
        with torch.autograd.detect_anomaly():
            work.loss().backward()
        work.optimizer.step()
        work.optimizer.zero_grad()

    def torchviz() -> None:
        loss = work.loss()
        make_dot(loss, params=dict(work.model.named_parameters()))
        work.finish(loss)

    return {
        "plain": plain,
        "an empty function mode": function_mode,
        "recorder": recorder,
        "recorder and diagnosis": diagnosis,
        "GradientWatch, a step that is looked at": watched,
        "GradientWatch with terms, a step that is looked at": watched_terms,
        "DebugMode": debug_mode,
        "DebugMode (full)": debug_mode_full,
        "detect_anomaly": anomaly,
        "torchviz make_dot (no layout)": torchviz,
    }


def measure(steps: dict[str, Step], rounds: int, seconds: float) -> dict[str, dict[str, Any]]:
    """Run all conditions once a round in random order; ratios are taken within a round, so that drift cancels."""
    return summarise(in_turns(steps, rounds, seconds))


def in_turns(steps: Mapping[str, Callable[[], Any]], rounds: int, seconds: float = math.inf) -> dict[str, list[float]]:
    """Process time of each condition in each round, after one that is not counted; no round begins after `seconds`."""
    order = random.Random(0)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    deadline = time.monotonic() + seconds
    for _ in range(rounds):
        names = list(steps)
        order.shuffle(names)
        for name in names:
            gc.collect()
            began = time.process_time()
            steps[name]()
            times[name].append(time.process_time() - began)
        if time.monotonic() > deadline:
            break
    return times


def summarise(times: dict[str, list[float]], base: str = "plain") -> dict[str, dict[str, Any]]:
    """Median and quartiles of each condition's ratio to the plain step of the same round."""
    found: dict[str, dict[str, Any]] = {}
    for name, values in times.items():
        ratios = [value / plain for value, plain in zip(values, times[base], strict=True)]
        quartiles = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else [ratios[0]] * 3
        found[name] = {
            "milliseconds": 1000 * statistics.median(values),
            "ratio": statistics.median(values) / statistics.median(times[base]),
            "ratio_quartiles": [quartiles[0], quartiles[2]],
            "rounds": len(values),
        }
    looked = found.get("GradientWatch, a step that is looked at")
    if looked:
        amortised = 1 + (looked["ratio"] - 1) / WATCH_EVERY
        found[f"GradientWatch(every={WATCH_EVERY}), amortised"] = {"ratio": amortised, "rounds": looked["rounds"]}
    return found


_TORCHLENS = """
import json, sys, torch, torchlens
from gradcheck_lm.bench.trace import trace
work = trace.Workload(trace.SIZES[int(sys.argv[1])])
def plain():
    with torch.no_grad(): work.model(work.images)
def traced(): torchlens.log_forward_pass(work.model, work.images) if hasattr(torchlens, "log_forward_pass") \\
    else torchlens.trace(work.model, work.images)
print(json.dumps(trace.measure({"plain": plain, "torchlens": traced}, int(sys.argv[2]), float(sys.argv[3]))))
"""


def torchlens_row(size: int, rounds: int, seconds: float) -> dict[str, Any]:
    """torchlens in a process of its own, for it changes torch for good; on the recogniser's forward pass alone."""
    command = [sys.executable, "-W", "ignore", "-c", _TORCHLENS, str(size), str(rounds), str(seconds)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60 + 4 * seconds, check=False)
    if found.returncode:
        return {"skipped": (found.stderr.strip().splitlines() or ["no output"])[-1]}
    return json.loads(found.stdout.strip().splitlines()[-1])["torchlens"]


def run_trace(out: str | Path, *, rounds: int, seconds: float, progress: Callable[[str], None]) -> Path:
    """Measure both sizes and the growth; writes trace.json and trace.md. Gives the path of trace.md.

    Args:
        rounds: at most so many runs of each condition.
        seconds: at most so long for each size.
    """
    out = Path(out)
    report: dict[str, Any] = {
        "command": f"python -m gradcheck_lm.bench trace --rounds {rounds} --seconds {seconds:g} --out docs/results",
        "device": device_name(torch.device("cpu")), "threads": torch.get_num_threads(), "versions": versions(),
        "load": os.getloadavg()[0], "sizes": [],
    }  # fmt: skip
    for index, size in enumerate(SIZES):
        progress(size.name)
        work = Workload(size)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # detect_anomaly announces itself
            rows = measure(conditions(work), rounds, seconds)
        rows["torchlens (the recogniser's forward pass alone)"] = torchlens_row(index, max(2, rounds // 5), seconds / 4)
        report["sizes"].append({"name": size.name, "parameters": work.parameters, "rows": rows})
    progress("growth with the number of operations")
    report["growth"] = growth((10_000, 100_000))
    write_text_atomic(out / "trace.json", json.dumps(report, indent=2) + "\n")
    return write_text_atomic(out / "trace.md", page(report))
