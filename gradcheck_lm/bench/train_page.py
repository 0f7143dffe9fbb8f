"""The page of the training benchmark."""

from __future__ import annotations

from typing import Any

from gradcheck_lm.bench.reference import NAME

_OPTIONS = {
    "feature maps in rows": "feature maps in rows (NCHW) instead of channels last, which is always on",
    "fused": "`--fused`: AdamW's update as one kernel",
    "compile": "`--compile`: torch.compile for the convolutions",
    "bf16": "`--mixed-precision bf16`",
    "bf16, compile": "bf16 and `--compile`",
}
_PARTS = {
    "convolutions": "convolutions, BatchNorm, pools",
    "lstm": "LSTM",
    "heads": "both heads",
    "ctc": "both CTC losses",
    "optimizer": "AdamW",
}


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    stages = report["stages"]
    lines = [
        "# How fast the recogniser trains", "",
        f"`OMP_NUM_THREADS={report['threads']} {report['command']}`", "",
        f"On {report['device']}; "
        + ", ".join(f"{name} {value}" for name, value in report["versions"].items()) + ".", "",
        f"The recogniser `{report['recogniser']}`, {report['parameters']:,} parameters, {report['batch']} lines of "
        f"1 x {report['height']} x {report['width']} in a step: forward, CTC and 0.1 of the shortcut's CTC, backward, "
        "AdamW; train mode; float32 where nothing else is said. The steps of a table's rows were taken in turn; ratios "
        "are taken within a turn, in brackets their quartiles. CPU time is that of the process: neighbours disturb it "
        "less than the clock.",
    ]  # fmt: skip
    if "note" in report:  # of figures that were put together from several runs
        lines += ["", report["note"]]
    lines += ["", *_reference(report, stages["reference"]), "", *_flops(stages["flops"])]
    lines += ["", *_options(stages["options"]), "", _buckets(stages.get("buckets")), "", *_data(stages["data"])]
    if "CPU" in report["device"]:
        lines += [
            "", "## On a GPU", "",
            "The figures of one run on an H100 are on [their own page](gpu.md). "
            "`python -m gradcheck_lm.bench train --device cuda --reference FOLDER` measures the same there.",
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _how(found: dict[str, Any]) -> str:
    return f"({found['clock']}, {found['repeats']} turns, load {found['load']:.1f})"


def _ratio(found: dict[str, float]) -> str:
    return f"{found['median']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def _left_out(found: dict[str, Any]) -> list[str]:
    """A paragraph below the table; records from before left nothing out."""
    reasons = found.get("left_out") or {}
    return ["", f"Left out: {'; '.join(f'{name} ({why})' for name, why in reasons.items())}."] if reasons else []


def _reference(report: dict[str, Any], found: dict[str, Any]) -> list[str]:
    lines = ["## Against the reference implementation", ""]
    if "commit" not in found:
        lines += [f"The reference, {NAME}, was not measured: no `--reference FOLDER` was given.", ""]
    else:
        lines += [
            f"[{NAME}](https://github.com/{NAME}) at commit {found['commit']}, {found['parameters']:,} parameters: its "
            f"network, loss and optimizer, and the epoch loop in lines {found['lines']} of its trainer.py, called as "
            "they are on the same lines; its progress bar and the reading of a test line after an epoch are off. "
            "Ours is the trainer's own step with its checks and records; both have the pictures in memory.", "",
        ]  # fmt: skip
    lines += [_how(found), "", "| | seconds a step | lines a second | times the reference's |", "|---|---|---|---|"]
    for name, row in found["rows"].items():
        ratio = {"ours": "ratio", "ours, bf16": "ratio_bf16"}.get(name)
        shown = _ratio(found[ratio]) if ratio in found else "1" if name == "reference" else "not measured"
        lines.append(f"| {name} | {row['seconds']:.3f} | {row['lines_per_second']:.2f} | {shown} |")
    return lines + _left_out(found)


def _flops(found: dict[str, Any]) -> list[str]:
    total, seconds, rate = sum(found["flops"].values()), found["fastest_step_seconds"], found["flops_per_second"]
    peaks = found["peak_flops_per_second"]
    shown = "; ".join(
        f"{kind}: " + ", ".join(f"{name} {value / 1e9:,.0f}" for name, value in peak.items())
        for kind, peak in peaks.items()
        if peak
    )
    # a GPU rounds a step's float32 to TF32 where torch is left as it is
    most = max((value for kind, peak in peaks.items() if kind != "bfloat16" for value in peak.values()), default=0.0)
    share = (
        f"{100 * rate / most:.0f} % of the most that a large matrix product or a large convolution reaches** (GFLOP/s, "
        f"the best of up to 14 around the steps; {shown})"
        if most
        else "a share of the device's most that was not measured**"
    )
    part = sum(found["part_seconds"].values())
    lines = [
        "## Against the device", "",
        f"A step is {total / 1e9:,.0f} GFLOP; at its fastest, {seconds:.3f} s (median {found['step_seconds']:.3f}), "
        f"that is **{rate / 1e9:,.0f} GFLOP/s, {share}. BatchNorm, activations, CTC "
        "and the optimizer are not counted as FLOP. Measured apart, each part waited for, at its fastest "
        + f"{_how(found)}:", "",
        "| part | GFLOP | seconds | share of the time | GFLOP/s |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for name, text in _PARTS.items():
        seconds = found["part_seconds"][name]
        flops = found["flops"].get(name)
        speed = f"{found['part_flops_per_second'][name] / 1e9:,.1f}" if flops else ""
        counted = f"{flops / 1e9:,.1f}" if flops else "not counted"
        lines.append(f"| {text} | {counted} | {seconds:.3f} | {100 * seconds / part:.1f} % | {speed} |")
    return lines + _left_out(found)


def _options(options: dict[str, Any]) -> list[str]:
    lines = [
        "## What each option gives", "", _how(options), "",
        "| option | seconds a step | times as fast as plain | first step, s |", "|---|---|---|---|",
        f"| plain | {options['rows']['plain']['seconds']:.3f} | 1 | {options['first_step']['plain']:.1f} |",
    ]  # fmt: skip
    for name, gain in options["gains"].items():
        seconds, first = options["rows"][name]["seconds"], options["first_step"][name]
        lines.append(f"| {_OPTIONS[name]} | {seconds:.3f} | {_ratio(gain)} | {first:.1f} |")
    return lines + _left_out(options)


def _buckets(found: dict[str, Any] | None) -> str:
    if found is None:
        return "`--buckets` has not been measured: `--only buckets` adds it."
    wide, narrow = found["rows"]["full width"], found["rows"]["buckets"]
    inked, gain = found["inked"], found["gain"]
    return (
        f"`--buckets {found['buckets']}`, an epoch of {found['lines']} synthetic lines whose ink is {inked[0]} to "
        f"{inked[-1]} pixels wide (median {inked[len(inked) // 2]}), in batches of "
        f"{', '.join(map(str, found['widths']))} pixels: {narrow['lines_per_second']:.2f} lines a second against "
        f"{wide['lines_per_second']:.2f} at the full width, {gain['low']:.2f} and {gain['high']:.2f} times in two "
        f"epochs ({found['clock']}, load {found['load']:.1f})."
    )


def _data(found: dict[str, Any]) -> list[str]:
    lines = [
        "## Waiting for lines", "",
        "Real runs on augmented lines: the share of the steps' time that went by until the batch was there. The first "
        f"step of a run, which has nothing to do in the meantime, is left out (load {found['load']:.1f}).", "",
        "| recogniser | lines | batches made ahead | share waiting | median wait, ms |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for row in found["rows"]:
        lines.append(
            f"| {row['recogniser']} | {row['source']} | {row['prefetch'] or 'none'} | {100 * row['data_share']:.2f} % "
            f"| {1000 * row['wait_median']:.1f} |"
        )
    return lines
