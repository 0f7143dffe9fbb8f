"""How fast the recogniser trains: against the reference implementation, against the device, and with each option."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.bench.flops import peak_flops_per_second, step_flops, time_of_parts
from gradcheck_lm.bench.reference import NAME, Reference, load_reference
from gradcheck_lm.bench.timing import Timings, interleaved
from gradcheck_lm.bench.train_page import page
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CONFIGS, CRNN, CRNNConfig, build_crnn, count_parameters
from gradcheck_lm.htr.lines import read_labels_tsv, write_labels_tsv
from gradcheck_lm.htr.synthetic import TRAINING_HANDS, SyntheticLines
from gradcheck_lm.htr.text import load_sentences
from gradcheck_lm.lab.batches import BatchMaker
from gradcheck_lm.lab.compare import device_name, versions
from gradcheck_lm.lab.compiled import compiled_convolutions
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.data import LineData
from gradcheck_lm.lab.terms import labelled
from gradcheck_lm.lab.trainer import Trainer, make_accelerator

OURS, THEIRS = "ours", "reference"


@dataclass(frozen=True)
class Plan:
    """What is measured, and how often."""

    device: torch.device
    repeats: int
    recogniser: CRNNConfig = CONFIGS["full"]
    laptop: CRNNConfig = CONFIGS["small"]  # whose steps are short, so that their lines weigh most
    batch: int = 16
    batches: int = 6  # of the epoch that buckets are measured on
    buckets: int = 6
    steps: int = 5  # of a run whose waiting is measured
    laptop_steps: int = 40
    compile: bool = True


class Contestant:
    """Our trainer's own step, with everything that it does, on lines held in memory and not augmented."""

    def __init__(self, model: CRNN, data: LineData, plan: Plan, **options: Any) -> None:
        precision = options.get("mixed_precision", "no")
        config = TrainingConfig(batch_size=plan.batch, schedule="constant", **options)
        self.model = copy.deepcopy(model)
        self.trainer = Trainer(
            self.model, labelled(data.charset, None, 0.0), data, config,
            accelerator=make_accelerator(TrainingConfig(mixed_precision=precision), None, plan.device),
        )  # fmt: skip
        self.trainer.model.train()
        self.make = BatchMaker(data, config, device=plan.device)
        self.batches = len(data) // plan.batch
        self.count = 0

    def step(self) -> None:
        """The next step."""
        self.trainer.step(self.count, self.make(self.count))
        self.count += 1

    def epoch(self) -> None:
        """As many steps as it takes to see every line."""
        for _ in range(self.batches):
            self.step()


def run_train(
    out: str | Path, *, reference: str | Path | None, device: str, repeats: int, progress: Callable[[str], None],
    plan: Plan | None = None,
) -> Path:  # fmt: skip
    """Measure everything and write train.json and train.md. Gives the path of train.md.

    Args:
        reference: a checkout of the reference implementation; None: it is left out, and the page says so.
        device: "cpu" or "cuda".
        repeats: interleaved repeats of each step.
        plan: other sizes, for tests.
    Raises:
        ArgumentError: "cuda" without a GPU; a folder that is no such checkout, or whose network is another.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ArgumentError("torch sees no GPU here: give --device cpu")
    out, plan = Path(out), plan or Plan(torch.device(device), repeats)
    torch.manual_seed(0)
    model = build_crnn(plan.recogniser, classes=Charset.standard().size)
    batch = lines_of(plan.recogniser, plan.batch)
    command = f"python -m gradcheck_lm.bench train --device {device} --repeats {repeats} --out docs/results"
    report: dict[str, Any] = {
        "command": f"{command} --reference {NAME.split('/')[1]}" if reference else command,
        "device": device_name(plan.device), "threads": torch.get_num_threads(), "versions": versions(),
        "load": os.getloadavg()[0],
        "recogniser": plan.recogniser.name, "parameters": count_parameters(model), "batch": plan.batch,
        "height": plan.recogniser.height, "width": plan.recogniser.width, "repeats": plan.repeats,
        "stages": {},
    }  # fmt: skip
    stages: dict[str, Callable[[], dict[str, Any]]] = {
        "reference": lambda: against_the_reference(model, batch, reference, plan),
        "flops": lambda: against_the_device(model, batch, plan),
        "options": lambda: by_option(model, batch, plan, progress),
        "buckets": lambda: by_width(model, plan),
        "data": lambda: {"rows": waiting(model, plan, progress)},
    }
    for name, stage in stages.items():
        progress(name)
        began = time.monotonic()
        report["stages"][name] = stage()
        report["stages"][name]["stage_seconds"] = time.monotonic() - began
        write_text_atomic(out / "train.json", json.dumps(report, indent=2) + "\n")
    return write_text_atomic(out / "train.md", page(report))


def lines_of(config: CRNNConfig, count: int, **options: Any) -> LineData:
    """Synthetic lines of help texts in the training hands."""
    charset = Charset.standard()
    texts = load_sentences("stdlib", charset=charset, split="train")
    return LineData(SyntheticLines(texts, TRAINING_HANDS, count, 0), config, charset, **options)


def against_the_reference(model: CRNN, data: LineData, folder: str | Path | None, plan: Plan) -> dict[str, Any]:
    """Our step and the reference's in turn on the same lines; ours in bfloat16 too, which theirs does not offer.

    Raises:
        ArgumentError: see `load_reference`; or the networks have different numbers of parameters.
    """
    theirs: Reference | None = None
    contestants: dict[str, Callable[[], Any]] = {OURS: Contestant(model, data, plan).step}
    if folder is not None:
        batch = data.take(range(plan.batch))
        torch.manual_seed(0)
        theirs = load_reference(folder, batch.images, batch.texts or [], data.charset, device=plan.device)
        if theirs.parameters != count_parameters(model):
            raise ArgumentError(
                f"the network in {folder} has {theirs.parameters:,} parameters, ours {count_parameters(model):,}: "
                "they cannot be compared; take config.yaml as it is in the repository"
            )
        contestants[THEIRS] = theirs.step
    contestants[f"{OURS}, bf16"] = Contestant(
        model, data, plan, mixed_precision="bf16"
    ).step  # the last: see `by_option`
    timings = interleaved(contestants, repeats=plan.repeats, device=plan.device)
    found: dict[str, Any] = {"seconds": timings.seconds, "rows": rates(timings, plan.batch)}
    if theirs is not None:
        found |= {"commit": theirs.commit, "lines": theirs.lines, "parameters": theirs.parameters}
        found["ratio"] = timings.ratio(THEIRS, OURS)
        found["ratio_bf16"] = timings.ratio(THEIRS, f"{OURS}, bf16")
    return found


def rates(timings: Timings, lines: int) -> dict[str, dict[str, float]]:
    """Seconds of a step and lines a second, of each contestant."""
    return {
        name: {"seconds": timings.median(name), "lines_per_second": lines / timings.median(name)}
        for name in timings.seconds
    }


def against_the_device(model: CRNN, data: LineData, plan: Plan) -> dict[str, Any]:
    """FLOP/s of a float32 step against the most that the device reaches, and where the step's time goes."""
    contestant = Contestant(model, data, plan)
    flops = step_flops(model, plan.batch, plan.recogniser.width)
    kinds = {"float32": (torch.float32, False), "bfloat16": (torch.bfloat16, False)}
    if plan.device.type == "cuda":
        kinds["tf32"] = (torch.float32, True)

    def peaks() -> dict[str, dict[str, float]]:
        return {name: peak_flops_per_second(plan.device, kind, tf32=tf32) for name, (kind, tf32) in kinds.items()}

    before = peaks()
    timings = interleaved({"step": contestant.step}, repeats=plan.repeats, device=plan.device)
    after = peaks()
    batch = data.take(range(plan.batch), plan.device)
    parts = time_of_parts(
        contestant.model, contestant.trainer.optimizer, batch.images, batch.texts or [], data.charset, plan.repeats
    )
    return {
        "flops": flops,
        "step_seconds": timings.median("step"),
        "flops_per_second": sum(flops.values()) / timings.median("step"),
        "peak_flops_per_second": {
            kind: {name: max(value, after[kind][name]) for name, value in peak.items()} for kind, peak in before.items()
        },
        "part_seconds": parts,
        "part_flops_per_second": {name: flops[name] / parts[name] for name in flops},
    }


def by_option(model: CRNN, data: LineData, plan: Plan, progress: Callable[[str], None]) -> dict[str, Any]:
    """Each option's step against the plain one, within the same repeats."""
    plain = Contestant(model, data, plan)
    rows = Contestant(model, data, plan)
    rows.model.memory_format = torch.contiguous_format
    contestants = {
        "plain": plain,
        "feature maps in rows": rows,
        "fused": Contestant(model, data, plan, fused=True),
    }
    # accelerate keeps one precision a process, and a trainer takes it when it is made: bf16 comes after the others
    late: dict[str, dict[str, Any]] = {"bf16": {"mixed_precision": "bf16"}}
    if plan.compile:
        contestants["compile"] = Contestant(model, data, plan, compile=True)
        if plan.device.type == "cuda":  # for a processor it takes minutes to compile
            late["bf16, compile"] = {"mixed_precision": "bf16", "compile": True}
    contestants |= {name: Contestant(model, data, plan, **options) for name, options in late.items()}
    first: dict[str, float] = {}
    with warnings.catch_warnings(), contextlib.ExitStack() as compiled:
        warnings.simplefilter("ignore")  # the compiler's own
        for contestant in contestants.values():
            compiled.enter_context(compiled_convolutions(contestant.trainer.bare, contestant.trainer.config.compile))
        for name, contestant in contestants.items():
            began = time.monotonic()
            contestant.step()
            first[name] = time.monotonic() - began
            progress(f"  {name}: the first step took {first[name]:.1f} s")
        steps = {name: contestant.step for name, contestant in contestants.items()}
        timings = interleaved(steps, repeats=plan.repeats, device=plan.device)
    gains = {name: timings.ratio("plain", name) for name in contestants if name != "plain"}
    return {"seconds": timings.seconds, "rows": rates(timings, plan.batch), "gains": gains, "first_step": first}


def by_width(model: CRNN, plan: Plan) -> dict[str, Any]:
    """An epoch at the full width against one in buckets."""
    count = plan.batch * plan.batches
    wide, narrow = lines_of(plan.recogniser, count), lines_of(plan.recogniser, count, buckets=plan.buckets)
    contestants = {"full width": Contestant(model, wide, plan), "buckets": Contestant(model, narrow, plan)}
    config = TrainingConfig(batch_size=plan.batch)
    widths = [BatchMaker(narrow, config)(step).images.shape[-1] for step in range(plan.batches)]
    epochs = {name: contestant.epoch for name, contestant in contestants.items()}
    timings = interleaved(epochs, repeats=max(2, plan.repeats // 3), device=plan.device)
    return {
        "lines": count,
        "buckets": plan.buckets,
        "widths": widths,
        "inked": sorted(narrow.inked.tolist()),
        "rows": rates(timings, count),
        "gain": timings.ratio("full width", "buckets"),
    }


def waiting(model: CRNN, plan: Plan, progress: Callable[[str], None]) -> list[dict[str, Any]]:
    """How long real runs on augmented lines wait for them, with and without the thread that makes them ahead."""
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for config, steps in ((plan.laptop, plan.laptop_steps), (plan.recogniser, plan.steps)):
            start = model if config == plan.recogniser else build_crnn(config, classes=Charset.standard().size)
            charset, count = Charset.standard(), 2 * plan.batch
            texts = load_sentences("stdlib", charset=charset, split="train")
            lines = SyntheticLines(texts, TRAINING_HANDS, count, 0, height=config.height)
            folder = write_labels_tsv(list(lines), Path(place) / config.name)
            sources = {
                "held in memory": LineData(lines, config, charset),
                "read from PNG files": LineData(read_labels_tsv(folder), config, charset, kept=0),
            }
            for source, data in sources.items():
                for prefetch in (0, TrainingConfig().prefetch):
                    row = {"recogniser": config.name, "source": source, "prefetch": prefetch, "steps": steps}
                    progress(f"  {config.name}, {source}, prefetch {prefetch}")
                    rows.append(row | _waiting_run(start, data, plan, steps, prefetch))
    return rows


def _waiting_run(model: CRNN, data: LineData, plan: Plan, steps: int, prefetch: int) -> dict[str, float]:
    config = TrainingConfig(
        steps=steps, batch_size=plan.batch, schedule="constant", augment=True, prefetch=prefetch
    )  # fmt: skip
    trainer = Trainer(
        copy.deepcopy(model), labelled(data.charset, None, 0.0), data, config,
        accelerator=make_accelerator(config, None, plan.device),
    )  # fmt: skip
    result = trainer.run()
    waits = sorted(record["data_wait"] for record in result.records[1:])
    return {
        "data_share": result.data_share,
        "wait_median": waits[len(waits) // 2],
        "seconds_per_step": result.seconds_per_step,
    }


def reduced(plan: Plan) -> Plan:
    """The same without what takes long and says little: for a benchmark that has other things to do."""
    return dataclasses.replace(plan, compile=False, steps=3, laptop_steps=10, batches=3)
