"""The comparison: the broken penalty, why it is dead, and the fixed ones learning, in one folder."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.draw.view import of as view_of
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.files import write_bytes_atomic, write_text_atomic
from gradcheck_lm.flow import Diagnosis
from gradcheck_lm.htr.checkpoint import load_recogniser, save_checkpoint
from gradcheck_lm.lab.comparing.evidence import diagnose_arm, draw_arm
from gradcheck_lm.lab.comparing.experiments import ArmOutcome, Bench, Progress, run_new_hand, run_with_labels
from gradcheck_lm.lab.comparing.lines import check_hand, make_benches, pick_lines
from gradcheck_lm.lab.comparing.same_bits import same_bits
from gradcheck_lm.lab.config import AGAIN, Arm, ComparisonConfig, new_hand_arms, with_labels_arms
from gradcheck_lm.lab.folder.folder_lock import locked
from gradcheck_lm.lab.machine.deterministic import deterministic
from gradcheck_lm.lab.machine.devices import own_device
from gradcheck_lm.lab.measuring.lm_table import LMTable, lm_table
from gradcheck_lm.lab.measuring.mistakes import Mistakes, find_mistakes
from gradcheck_lm.lab.training.trainer import METRICS
from gradcheck_lm.lm import load_language_model

PACKAGES = ("gradcheck_lm", "torch", "transformers", "accelerate", "jiwer", "torchviz", "graphviz", "rich")


@dataclass
class Comparison:
    """Everything a comparison found, and where it was written."""

    config: ComparisonConfig
    out: Path
    outcomes: dict[str, dict[str, ArmOutcome]]  # experiment -> arm
    diagnoses: dict[str, Diagnosis]
    graphs: dict[str, list[Path]]
    table: LMTable
    mistakes: Mistakes
    summary: dict[str, Any]
    benches: dict[str, Bench] = field(default_factory=dict, repr=False)

    @property
    def verdict(self) -> str:
        """One sentence: which line cuts the argmax arm."""
        return verdict_of(self.diagnoses.get("argmax"))


def compare(
    config: ComparisonConfig, out: str | Path, *, progress: Callable[[str], None], step: Progress
) -> Comparison:
    """Run both experiments and write summary.json, graphs, metrics, curves and checkpoints under `out`.

    A comparison that was interrupted goes on where it stopped when called again with the same settings and folder.

    Args:
        config: what to compare, on which lines.
        out: folder; made where it is missing.
        progress: called with a line of text before each stage.
        step: called with (experiment, arm, record) after each training step.
    Raises:
        ArgumentError, CheckpointError, DataError, LanguageModelError: with what to mend.
    """
    pick_arms(config)  # what can be refused at once is, before anything is written
    check_hand(config)
    with locked(out) as folder, deterministic(config.deterministic):
        return _compare(config, folder, progress=progress, step=step)


def make_bench(
    config: ComparisonConfig, out: Path, *, progress: Callable[[str], None], step: Progress
) -> tuple[dict[str, Bench], torch.device]:
    """Everything that the arms share, loaded and rendered."""
    progress(f"loading the recogniser {config.recogniser} and the language model {config.language_model}")
    device = own_device(config.device)
    recogniser, charset = load_recogniser(config.recogniser, seed=config.seed)
    recogniser.to(device).eval()
    lines = pick_lines(config, charset, progress)
    language_model = load_language_model(config.language_model, device=device)
    progress("rendering lines of handwriting" if config.data is None else "reading lines of handwriting")
    shared = make_benches(config, recogniser, charset, language_model, out, step, lines=lines, progress=progress)
    return shared, device


def _compare(config: ComparisonConfig, out: Path, *, progress: Callable[[str], None], step: Progress) -> Comparison:
    benches, device = make_bench(config, out, progress=progress, step=step)
    return compared(config, out, pick_arms(config), benches, device, progress=progress)


def compared(
    config: ComparisonConfig,
    out: Path,
    arms: dict[str, dict[str, Arm]],
    benches: dict[str, Bench],
    device: torch.device,
    *,
    progress: Callable[[str], None],
) -> Comparison:
    """Diagnose, train and measure given arms of both experiments; an arm that its bench's folder holds is not trained.

    Args:
        arms: experiment -> name -> arm; `ctc` is in both and `ctc_again` in the one with labels.
        benches: experiment -> what its arms share.
    """
    charset, language_model = benches["new_hand"].charset, benches["new_hand"].language_model
    progress("asking the debugger about each arm")
    diagnoses: dict[str, Diagnosis] = {}
    graphs: dict[str, list[Path]] = {}
    for name, arm in arms["with_labels"].items():
        if name == AGAIN:
            continue  # the same program
        diagnoses[name], terms, model = diagnose_arm(benches["with_labels"], arm)
        graphs[name] = draw_arm(diagnoses[name], terms, model, out / "graphs", name)
        write_text_atomic(out / "graphs" / f"{name}.json", diagnoses[name].to_json())

    progress("experiment 1: with labels")
    outcomes = {"with_labels": run_with_labels(benches["with_labels"], arms["with_labels"])}
    progress(f"experiment 2: {config.source}, without labels")
    outcomes["new_hand"] = run_new_hand(benches["new_hand"], arms["new_hand"])

    for experiment, found in outcomes.items():
        for name, outcome in found.items():
            save_checkpoint(outcome.model, charset, out / "checkpoints" / experiment / f"{name}.safetensors")
            metrics = benches[experiment].folder(experiment, name) / METRICS
            if metrics.exists():
                write_bytes_atomic(out / "metrics" / f"{experiment}-{name}.jsonl", metrics.read_bytes())
    evaluation = benches["new_hand"].evaluation
    readings = outcomes["new_hand"]["ctc"].before.readings
    summary = summarise(config, outcomes, device, diagnoses)
    write_text_atomic(out / "summary.json", json.dumps(summary, indent=2) + "\n")
    return Comparison(
        config=config,
        out=out,
        outcomes=outcomes,
        diagnoses=diagnoses,
        graphs=graphs,
        table=lm_table(language_model, readings[:29], evaluation.texts[:29]),
        mistakes=find_mistakes(evaluation.texts, readings),
        summary=summary,
        benches=benches,
    )


def pick_arms(config: ComparisonConfig) -> dict[str, dict[str, Arm]]:
    """The arms asked for; `ctc` is always there, twice with labels, because the others are held against it."""
    tables = {"with_labels": with_labels_arms(), "new_hand": new_hand_arms(config.samples)}
    known = {name for table in tables.values() for name in table}
    unknown = [name for name in config.arms if name not in known]
    if not config.arms:
        raise ArgumentError(f"no arms were named; there are {', '.join(sorted(known))}")
    if unknown:
        raise ArgumentError(f"no arm is called {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    wanted = {"ctc", AGAIN, "batchnorm_only", *config.arms}
    return {
        experiment: {name: arm for name, arm in table.items() if name in wanted} for experiment, table in tables.items()
    }


def summarise(
    config: ComparisonConfig,
    outcomes: dict[str, dict[str, ArmOutcome]],
    device: torch.device,
    diagnoses: dict[str, Diagnosis],
) -> dict[str, Any]:
    """What goes into summary.json: rates are fractions, `lm` nats per character, `cer_interval` after minus before."""
    summary: dict[str, Any] = {
        experiment: {"arms": {name: outcome.figures for name, outcome in found.items()}}
        for experiment, found in outcomes.items()
    }
    summary["same_bits"] = same_bits(summary["with_labels"]["arms"])
    summary["verdict"] = verdict_of(diagnoses.get("argmax"))
    summary["cuts"] = {name: [finding_row(finding) for finding in d.findings] for name, d in diagnoses.items()}
    summary["device"] = device_name(device)
    summary["versions"] = versions()
    summary["config"] = config.to_dict()
    return summary


def finding_row(finding: Any) -> dict[str, Any]:
    """A finding in a line of JSON."""
    keys = ("code", "kind", "op", "file", "line", "severity", "certainty", "term")
    return {key: getattr(finding, key) for key in keys}


def verdict_of(diagnosis: Diagnosis | None) -> str:
    """One sentence on the argmax arm."""
    if diagnosis is None:
        return "The argmax arm was not run."
    if diagnosis.ok or not diagnosis.findings:
        return "The argmax arm was found healthy, which it is not: please report this."
    first = view_of(diagnosis).cuts[0]
    return (
        f"The language-model penalty teaches the argmax arm nothing: its gradient stops at {first.place} "
        f"({first.op}, {first.kind}: {first.source.whole})."
    )


def device_name(device: torch.device) -> str:
    """The GPU's name, or the processor's."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads, {platform.machine()}"


def versions() -> dict[str, str]:
    """Versions of what the figures depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
