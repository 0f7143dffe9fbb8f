"""How fast the recogniser trains: against the reference implementation, against the device, and with each option."""

from __future__ import annotations

import contextlib
import json
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.bench.flops import clock_of, step_flops, time_of_parts
from gradcheck_lm.bench.peak import SLOW_BFLOAT16, Probes, best_of, fast_bfloat16, peaks_of
from gradcheck_lm.bench.reference import NAME, Reference, load_reference
from gradcheck_lm.bench.timing import Timings, interleaved
from gradcheck_lm.bench.train_page import page
from gradcheck_lm.bench.train_plan import Contestant, Plan, lines_of, rates
from gradcheck_lm.bench.train_waiting import waiting
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN, build_crnn, count_parameters
from gradcheck_lm.lab.comparing.compare import device_name, versions
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.batches import BatchMaker
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.machine.compiled import compiled_convolutions

OURS, THEIRS = "ours", "reference"
STAGES = ("reference", "flops", "options", "buckets", "data")


def run_train(
    out: str | Path, *, reference: str | Path | None, device: str, repeats: int, progress: Callable[[str], None],
    only: Sequence[str] = STAGES, plan: Plan | None = None,
) -> Path:  # fmt: skip
    """Measure, and write train.json and train.md. Gives the path of train.md.

    Args:
        reference: a checkout of the reference implementation; None: it is left out, and the page says so.
        device: "cpu" or "cuda".
        repeats: interleaved repeats of each step.
        only: the stages to measure; the others stay as they are in `out`, if they were measured there.
        plan: other sizes, for tests.
    Raises:
        ArgumentError: "cuda" without a GPU; a stage that there is not, or that was never measured; a folder that is no
            such checkout, or whose network is another.
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
        "recogniser": plan.recogniser.name, "parameters": count_parameters(model), "batch": plan.batch,
        "height": plan.recogniser.height, "width": plan.recogniser.width,
        "stages": earlier(out, only),
    }  # fmt: skip
    stages: dict[str, Callable[[], dict[str, Any]]] = {
        "reference": lambda: against_the_reference(model, batch, reference, plan),
        "flops": lambda: against_the_device(model, batch, plan),
        "options": lambda: by_option(model, batch, plan, progress),
        "buckets": lambda: by_width(model, plan),
        "data": lambda: {"rows": waiting(model, plan, progress)},
    }
    for name in only:
        progress(name)
        began, load = time.monotonic(), os.getloadavg()[0]
        clock = "CPU time" if clock_of(plan.device) is time.process_time else "wall time"
        found = {"clock": clock, "load": load, "repeats": plan.repeats, **stages[name]()}
        report["stages"][name] = found | {"stage_seconds": time.monotonic() - began}
        write_text_atomic(out / "train.json", json.dumps(report, indent=2) + "\n")
    return write_text_atomic(out / "train.md", page(report))


def earlier(out: Path, only: Sequence[str]) -> dict[str, Any]:
    """What was measured before of the stages that are not asked for.

    Raises:
        ArgumentError: a stage that there is not, or that was never measured.
    """
    if unknown := [name for name in only if name not in STAGES]:
        raise ArgumentError(f"there is no stage {unknown[0]!r}: choose of {', '.join(STAGES)}")
    there = out / "train.json"
    found = json.loads(there.read_text(encoding="utf-8"))["stages"] if there.is_file() else {}
    left = [name for name in STAGES if name not in only]
    if missing := [name for name in left if name not in found and name != "buckets"]:  # which the page can do without
        raise ArgumentError(f"{there} has no stage {missing[0]!r} yet: measure it too")
    return {name: found[name] for name in left if name in found}


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
    on_gpu = plan.device.type == "cuda"
    if on_gpu:
        contestants[f"{OURS}, graphs"] = Contestant(model, data, plan, graphs=True).step
    rounded = f"{OURS}, bf16"
    with contextlib.ExitStack() as compiled:
        if fast_bfloat16(plan.device):  # the last ones: see `by_option`
            contestants[rounded] = Contestant(model, data, plan, mixed_precision="bf16").step
            if on_gpu:
                contestants[f"{rounded}, graphs"] = Contestant(
                    model, data, plan, mixed_precision="bf16", graphs=True
                ).step
            if on_gpu and plan.compile:
                fast = Contestant(model, data, plan, mixed_precision="bf16", compile=True, graphs=True)
                compiled.enter_context(compiled_convolutions(fast.trainer.bare, True))
                contestants[f"{rounded}, compile, graphs"] = fast.step
        timings = interleaved(contestants, repeats=plan.repeats, device=plan.device, clock=clock_of(plan.device))
    found: dict[str, Any] = {"seconds": timings.seconds, "rows": rates(timings, plan.batch), "left_out": {}}
    if rounded not in contestants:
        found["left_out"][rounded] = SLOW_BFLOAT16
    if theirs is not None:
        found |= {"commit": theirs.commit, "lines": theirs.lines, "parameters": theirs.parameters}
        found["ratio"] = timings.ratio(THEIRS, OURS)
        if rounded in contestants:
            found["ratio_bf16"] = timings.ratio(THEIRS, rounded)
        found["ratios"] = {name: timings.ratio(THEIRS, name) for name in contestants if name != THEIRS}
    return found


def against_the_device(model: CRNN, data: LineData, plan: Plan) -> dict[str, Any]:
    """FLOP/s of a float32 step against the most that the device reaches, and where the step's time goes."""
    contestant = Contestant(model, data, plan)
    flops = step_flops(model, plan.batch, plan.recogniser.width)
    probes = plan.probes or Probes.of(plan.device)
    before = peaks_of(plan.device, probes)
    timings = interleaved(
        {"step": contestant.step}, repeats=plan.repeats, device=plan.device, clock=clock_of(plan.device)
    )
    after = peaks_of(plan.device, probes)
    batch = data.take(range(plan.batch), plan.device)
    parts = time_of_parts(
        contestant.model, contestant.trainer.optimizer, batch.images, batch.texts or [], data.charset, plan.repeats
    )
    return {
        "flops": flops,
        "step_seconds": timings.median("step"),
        "fastest_step_seconds": min(timings.seconds["step"]),
        "flops_per_second": sum(flops.values()) / min(timings.seconds["step"]),
        **best_of(before, after),
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
    late: dict[str, dict[str, Any]] = {}
    if fast_bfloat16(plan.device):
        late["bf16"] = {"mixed_precision": "bf16"}
    if plan.compile:
        contestants["compile"] = Contestant(model, data, plan, compile=True)
        if late and plan.device.type == "cuda":  # for a processor it takes minutes to compile
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
        timings = interleaved(steps, repeats=plan.repeats, device=plan.device, clock=clock_of(plan.device))
    gains = {name: timings.ratio("plain", name) for name in contestants if name != "plain"}
    return {
        "seconds": timings.seconds, "rows": rates(timings, plan.batch), "gains": gains, "first_step": first,
        "left_out": {} if "bf16" in late else {"bf16": SLOW_BFLOAT16},
    }  # fmt: skip


def by_width(model: CRNN, plan: Plan) -> dict[str, Any]:
    """Steps at the full width and in buckets in turn, over whole epochs of the same lines."""
    count, epochs = plan.batch * plan.batches, 2
    wide, narrow = lines_of(plan.recogniser, count), lines_of(plan.recogniser, count, buckets=plan.buckets)
    contestants = {"full width": Contestant(model, wide, plan), "buckets": Contestant(model, narrow, plan)}
    for contestant in contestants.values():
        contestant.count = plan.batches - 1  # the turn that is not counted ends an epoch
    steps = {name: contestant.step for name, contestant in contestants.items()}
    timings = interleaved(steps, repeats=epochs * plan.batches, device=plan.device, clock=clock_of(plan.device))
    sums = Timings(
        {
            name: [sum(seconds[i * plan.batches : (i + 1) * plan.batches]) for i in range(epochs)]
            for name, seconds in timings.seconds.items()
        }
    )
    make = BatchMaker(narrow, TrainingConfig(batch_size=plan.batch))
    return {
        "lines": count,
        "buckets": plan.buckets,
        "widths": [make(plan.batches + step).images.shape[-1] for step in range(plan.batches)],
        "inked": sorted(narrow.inked.tolist()),
        "seconds": timings.seconds,
        "rows": rates(sums, count),
        "gain": sums.ratio("full width", "buckets"),
    }
