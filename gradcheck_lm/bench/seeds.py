"""The comparison over several seeds: means, t-intervals over seeds, and a table that a sceptic can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.lab.comparing.compare import compare
from gradcheck_lm.lab.comparing.job import jobs_of
from gradcheck_lm.lab.comparing.jobs import run_jobs
from gradcheck_lm.lab.config import ComparisonConfig
from gradcheck_lm.lab.measuring.metrics import t_interval


def run_seeds(
    out: str | Path,
    *,
    count: int,
    hand: str,
    arms: tuple[str, ...],
    steps: int,
    samples: int,
    jobs: int = 1,
    progress: Callable[[str], None],
) -> Path:
    """One comparison a seed under OUT/seed-K; seeds.json and seeds.md over all of them. Gives the path of seeds.md.

    A seed changes the lines, their order and the samples, not the recogniser that ships.

    Args:
        jobs: arms of whatever seed that are trained at a time, each in a process of its own.
    """
    out = Path(out)
    configs = [ComparisonConfig(seed=seed, hand=hand, arms=arms, steps=steps, samples=samples) for seed in range(count)]
    if jobs > 1:
        every = [job for seed, config in enumerate(configs) for job in jobs_of(config, out / f"seed-{seed}")]
        run_jobs(every, at_once=jobs, folder=out / "jobs", progress=progress)
    summaries = []
    for seed, config in enumerate(configs):
        progress(f"seed {seed}")
        found = compare(config, out / f"seed-{seed}", progress=progress, step=lambda *_: None)
        summaries.append(found.summary)
    table = collect(summaries)
    write_text_atomic(out / "seeds.json", json.dumps({"arms": table, "summaries": summaries}, indent=2) + "\n")
    return write_text_atomic(out / "seeds.md", page(table, summaries))


def collect(summaries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Per arm of the new hand: CER before and after a seed, relative change a seed, its mean and t-interval."""
    table: dict[str, dict[str, Any]] = {}
    names = dict.fromkeys(name for summary in summaries for name in summary["new_hand"]["arms"])
    for name in names:
        rows = [summary["new_hand"]["arms"][name] for summary in summaries if name in summary["new_hand"]["arms"]]
        change = [(row["cer_after"] - row["cer_before"]) / row["cer_before"] for row in rows]
        table[name] = {
            "seeds": len(rows),
            "cer_before": [row["cer_before"] for row in rows],
            "cer_after": [row["cer_after"] for row in rows],
            "cer_interval": [row["cer_interval"] for row in rows],
            "relative_change": change,
            "relative_change_mean": sum(change) / len(change),
            "relative_change_interval": list(t_interval(change)),
            "lm_before": [row["lm_before"] for row in rows],
            "lm_after": [row["lm_after"] for row in rows],
            "length_ratio": [row["length_ratio"] for row in rows],
            "lm_gradient_norm": [row["lm_gradient_norm"] for row in rows],
            "weights_unchanged": [row["weights_unchanged"] for row in rows],
            "seconds_per_step": [row["seconds_per_step"] for row in rows],
        }
    return table


def page(table: dict[str, dict[str, Any]], summaries: list[dict[str, Any]]) -> str:
    """The table as Markdown."""
    config = summaries[0]["config"]
    count = len(summaries)
    lines = [
        f"# A new hand without labels: {config['hand']}, {count} seeds",
        "",
        f"{config['steps']} steps of {config['batch_size']} lines, {config['adapt_lines']} lines to adapt on without "
        f"labels, {config['evaluation_lines']} other lines of the same hand to evaluate on; language model "
        f"{config['language_model']}, {config.get('samples', 8)} samples a line; {summaries[0]['device']}; "
        f"torch {summaries[0]['versions']['torch']}.",
        "",
        "CER in %, one figure a seed. Change: relative, mean over seeds with its 95 % t-interval over seeds. "
        "In brackets behind each seed's CER after: the 95 % interval of after minus before, in points, by paired "
        "bootstrap over lines.",
        "",
        "| arm | CER before | CER after | relative change | LM nats/char before > after | length | LM gradient norm "
        "| s/step |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in table.items():
        low, high = row["relative_change_interval"]
        after = ", ".join(
            f"{100 * cer:.1f} [{100 * a:+.1f}, {100 * b:+.1f}]"
            for cer, (a, b) in zip(row["cer_after"], row["cer_interval"], strict=True)
        )
        norms = [value for value in row["lm_gradient_norm"] if value is not None]
        lines.append(
            f"| {name} | {', '.join(f'{100 * cer:.1f}' for cer in row['cer_before'])} | {after} "
            f"| {100 * row['relative_change_mean']:+.1f} % [{100 * low:+.1f}, {100 * high:+.1f}] "
            f"| {', '.join(f'{a:.2f} > {b:.2f}' for a, b in zip(row['lm_before'], row['lm_after'], strict=True))} "
            f"| {', '.join(f'{value:.2f}' for value in row['length_ratio'])} "
            f"| {', '.join(f'{value:.3g}' for value in norms) or '-'} "
            f"| {', '.join(f'{value:.2f}' for value in row['seconds_per_step'])} |"
        )
    first = [summary["with_labels"]["arms"] for summary in summaries]
    lines += [
        "",
        "## With labels",
        "",
        f"{config['label_steps']} steps of {config['label_batch_size']} lines of CTC plus 0.1 times the penalty. "
        + " ".join(dict.fromkeys(summary["same_bits"]["words"] for summary in summaries if "same_bits" in summary)),
        "",
        "| arm | CER before | CER after | LM gradient norm | cosine to CTC | same bits as CTC alone |",
        "|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(name for arms in first for name in arms):
        rows = [arms[name] for arms in first if name in arms]

        def show(key: str, form: str, rows: list[dict[str, Any]] = rows) -> str:
            return ", ".join("-" if row.get(key) is None else format(row[key], form) for row in rows)

        lines.append(
            f"| {name} | {show('cer_before', '.1%')} | {show('cer_after', '.1%')} | {show('lm_gradient_norm', '.3g')} "
            f"| {show('lm_ctc_cosine', '.3f')} | {', '.join(str(row['identical_to_ctc_only']) for row in rows)} |"
        )
    return "\n".join(lines) + "\n"
