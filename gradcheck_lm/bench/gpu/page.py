"""The GPU benchmark as a page: each stage's figures as a table, and what it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

COMMAND = "python -m gradcheck_lm.bench gpu --minutes 9 --out DIR"
SHOWS = {
    "calibrate": "Seconds of a training step with each penalty, by precision, and how many times the step of CTC alone "
    "that is.",
    "train": "Whether the full CRNN learns to read here, from fresh weights on synthetic handwriting. The experiments "
    "below begin with it.",
    "labels": "The story with labels, and its fixed forms. Where `ctc_again` has the weights of `ctc` to the bit, "
    "equality proves something: then `argmax`, whose weights are the same too, was taught nothing by its penalty. The "
    "held-out penalty is the story's, in nats a token, on lines that were not trained on; its interval is paired.",
    "hand": "A hand never seen, without labels. `ctc`, `batchnorm_only`, and the arms without a penalty are controls: "
    "what they gain is not the language model's doing.",
    "speed": "Each row beside its rival, in turn, in one process.",
    "graphs": "What a penalty adds to a step, by what is replayed from CUDA graphs: the language model's scores, its "
    "gradient with respect to embeddings, the recogniser's passes.",
    "tests": "The tests marked gpu, warnings as errors.",
    "report": "The page over both experiments, with the debugger's findings.",
}
TITLES = {
    "calibrate": "What a step takes",
    "train": "The full CRNN from fresh weights",
    "labels": "With labels, side by side",
    "hand": "A new hand without labels",
    "speed": "Speeds",
    "graphs": "A penalty's step, replayed",
    "tests": "Tests",
    "report": "Report",
}


def page(report: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    lines = [f"# On {report['device']}", ""]
    calls = " + ".join(f"{minutes:g}" for minutes in report["minutes"])
    lines += [f"`{COMMAND}`; minutes given: {calls}.", ""]
    lines += [", ".join(f"{name} {value}" for name, value in report["versions"].items()) + ".", ""]
    if "language_model" in report:
        lines += [f"Language model of the penalties: {report['language_model']}.", ""]
    for name, title in TITLES.items():
        stage = report["stages"].get(name)
        if stage is None:
            continue
        lines += [f"## {title}", "", f"{SHOWS[name]} ({stage['stage_seconds']:.0f} s)", ""]
        if "failed" in stage:
            lines += [f"**Failed:** {stage['failed']}", ""]
            continue
        lines += [*TABLES[name](stage), ""]
        if "left" in stage:
            lines += [f"Left for want of time: {stage['left']}. The same command goes on with it.", ""]
    if report["notes"]:
        lines += ["## Not done", "", *(f"- {name}: {why}" for name, why in report["notes"].items()), ""]
    return "\n".join(lines).rstrip() + "\n"


def _calibrate(stage: Mapping[str, Any]) -> list[str]:
    kinds = list(dict.fromkeys(kind for row in stage["seconds"].values() for kind in row))
    rows = [
        [name, *(f"{row[kind]:.4f} ({stage['times_ctc'][name][kind]:.1f})" if kind in row else "-" for kind in kinds)]
        for name, row in stage["seconds"].items()
    ]
    lines = _table([f"arm, {stage['batch_size']} lines", *(f"{kind}, s (times CTC)" for kind in kinds)], rows)
    if stage["left_out"]:
        lines += ["", f"Not measured for want of time: {'; '.join(stage['left_out'])}."]
    return lines


def _train(stage: Mapping[str, Any]) -> list[str]:
    if "curve" not in stage:
        return [f"Given: `{stage['recogniser']}`; CER {100 * stage['cer']:.2f} % on {stage['lines']} synthetic lines."]
    head = (
        f"{stage['recogniser']}, {stage['lines']} lines, batches of {stage['batch_size']}, precision "
        f"{stage['precision']}: {stage['seconds_per_step']:.3f} s a step, waiting for lines "
        f"{100 * stage['waiting_share']:.1f} %, peak {stage['peak_memory_mb']:.0f} MB."
    )
    rows = [[str(point["step"]), f"{100 * point['cer']:.2f}"] for point in stage["curve"]]
    return [head, "", *_table(["step", f"CER %, {stage['held_back_lines']} held-back lines"], rows)]


def _labels(stage: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, arm in stage["arms"].items():
        low, high = arm["held_out_penalty_change_interval"]
        rows.append(
            [
                name, f"{arm['difference_to_ctc_only']:.2g}", _number(arm["lm_gradient_norm"], ".3g"),
                _number(arm["lm_ctc_cosine"], "+.2f"),
                f"{arm['held_out_penalty_before']:.3f} > {arm['held_out_penalty_after']:.3f}",
                f"{low:+.3f} .. {high:+.3f}", f"{100 * arm['cer_before']:.1f} > {100 * arm['cer_after']:.1f}",
                f"{100 * arm['cer_fused_after']:.1f}", _number(arm["seconds_per_step"], ".3f"),
            ]
        )  # fmt: skip
    columns = ["arm", "largest difference to ctc", "LM gradient", "cosine to CTC", "held-out penalty", "change, 95 %"]
    columns += ["CER %, greedy", "fused after", "s/step"]
    lines = [f"From {stage['recogniser']}; {_steps(stage['steps'])} each, deterministic.", "", *_table(columns, rows)]
    return lines + (["", stage["same_bits"]] if "same_bits" in stage else [])


def _hand(stage: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, change in stage["change"].items():
        seeds = [row[name] for row in stage["seeds"].values() if name in row]
        before = sum(row["cer_before"] for row in seeds) / len(seeds)
        interval = change["interval"]
        rows.append(
            [
                name, str(change["seeds"]), f"{100 * before:.1f}", f"{100 * change['mean']:+.2f}",
                "-" if interval is None else f"{100 * interval[0]:+.2f} .. {100 * interval[1]:+.2f}",
            ]
        )  # fmt: skip
    head = f"From {stage['recogniser']}; {_steps(stage['steps'])} each."
    return [head, "", *_table(["arm", "seeds", "CER % before", "change, mean", "95 % over seeds"], rows)]


def _speed(stage: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, found in stage.items():
        if not name.startswith("step of"):
            continue
        for contestant, row in found["rows"].items():
            rows.append([name, contestant, f"{1000 * row['seconds']:.1f}", f"{row['lines_per_second']:.0f}"])
        for contestant, ratio in found.get("ratios", {}).items():
            rows.append(
                [name, f"reference / {contestant}", f"{ratio['median']:.2f} times",
                 f"({ratio['low']:.2f} to {ratio['high']:.2f})"]
            )  # fmt: skip
    lines = _table(["what", "whose", "ms", "lines/s"], rows)
    rows = [
        [row["recogniser"], row["source"], str(row["prefetch"]), f"{100 * row['data_share']:.1f}"]
        for row in stage["waiting for lines"]
    ]
    lines += ["", *_table(["recogniser", "lines", "batches ahead", "waiting, % of the step"], rows)]
    rows = [
        [str(row["batch_size"]), row["precision"], f"{row['lines_per_second']:.0f}", f"{row['peak_memory_mb']:.0f}"]
        for row in stage["throughput"]
    ]
    lines += ["", *_table(["batch", "precision", "lines/s", "peak MB"], rows)]
    scoring = stage["scoring"]
    return [
        *lines, "",
        f"{scoring['model']}, {scoring['dtype']}: {scoring['texts_per_second']:.0f} texts/s in large batches, "
        f"{scoring['texts_per_second_32']:.0f} by 32, {scoring['texts_per_second_one_at_a_time']:.1f} one at a time "
        f"({scoring['ratio_at_32']:.1f} times).",
    ]  # fmt: skip


def _graphs(stage: Mapping[str, Any]) -> list[str]:
    arms = list(dict.fromkeys(arm for row in stage["rows"].values() for arm in row))
    rows = [[way, *(_replayed(row.get(arm)) for arm in arms)] for way, row in stage["rows"].items()]
    return _table([f"replayed, {stage['batch_size']} lines", *(f"{arm}, ms (times CTC)" for arm in arms)], rows)


def _replayed(found: Mapping[str, Any] | None) -> str:
    if found is None or "failed" in found:
        return "-" if found is None else f"failed: {found['failed']}"
    times = f" ({found['times_ctc']:.2f})" if "times_ctc" in found else ""
    return f"{1000 * found['seconds']:.1f}{times}"


def _tests(stage: Mapping[str, Any]) -> list[str]:
    lines = [f"`{stage['closing_line']}` (exit code {stage['exit_code']})"]
    return lines + (["", "```", stage["output"], "```"] if "output" in stage else [])


def _report(stage: Mapping[str, Any]) -> list[str]:
    return [f"[{stage['page']}]({stage['page']})"]


def _table(columns: list[str], rows: list[list[str]]) -> list[str]:
    return [
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def _steps(count: int) -> str:
    return f"{count} step{'s' * (count != 1)}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


TABLES: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "calibrate": _calibrate,
    "train": _train,
    "labels": _labels,
    "hand": _hand,
    "report": _report,
    "speed": _speed,
    "graphs": _graphs,
    "tests": _tests,
}
