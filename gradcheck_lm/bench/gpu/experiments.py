"""Both experiments of the comparison on the GPU, arm by arm, so that a call that runs out of time loses nothing."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from gradcheck_lm.bench.gpu.arms import hand_arms, label_arms
from gradcheck_lm.bench.gpu.calibrate import sizes_of
from gradcheck_lm.bench.gpu.scene import Scene
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.lab.comparing.compare import Comparison, compared
from gradcheck_lm.lab.comparing.experiments import ArmOutcome, Bench, run_new_hand, run_with_labels, train_arm
from gradcheck_lm.lab.comparing.lines import make_benches
from gradcheck_lm.lab.comparing.report import write_report
from gradcheck_lm.lab.comparing.same_bits import same_bits
from gradcheck_lm.lab.config import Arm, ComparisonConfig
from gradcheck_lm.lab.machine.deterministic import deterministic
from gradcheck_lm.lab.measuring.decoding import make_decoding, read_both
from gradcheck_lm.lab.measuring.metrics import character_errors, t_interval

EVERY = 10  # steps between two looks at each term's gradient
LABEL_FIGURES = (
    "cer_before", "cer_after", "cer_interval", "lm_gradient_norm", "lm_ctc_cosine", "identical_to_ctc_only",
    "difference_to_ctc_only", "seconds_per_step", "peak_memory_mb",
)  # fmt: skip
HAND_FIGURES = (
    "cer_before", "cer_after", "cer_interval", "lm_gradient_norm", "weights_unchanged", "seconds_per_step",
    "peak_memory_mb",
)  # fmt: skip


def labels(scene: Scene) -> dict[str, Any]:
    """Stage B: CTC plus each penalty, deterministic: whose weights are those of CTC, and the held-out penalty."""
    bench, origin = _benches(scene, 0)
    arms, left = _trained(scene, bench["with_labels"], "with_labels", label_arms())
    found: dict[str, Any] = {"recogniser": origin, "steps": bench["with_labels"].config.label_steps, "arms": {}}
    if "ctc" in arms:
        with deterministic():
            outcomes = run_with_labels(bench["with_labels"], arms)
        found["arms"] = {name: _label_figures(bench["with_labels"], outcome) for name, outcome in outcomes.items()}
        if "ctc_again" in outcomes:
            found["same_bits"] = same_bits(found["arms"])["words"]
    return found | ({"left": ", ".join(left)} if left else {})


def hand(scene: Scene) -> dict[str, Any]:
    """Stage C: a new hand without labels, and the controls, over several seeds."""
    sizes, rows, left = sizes_of(scene), {}, []
    origin = ""
    for seed in range(sizes.hand_seeds):
        bench, origin = _benches(scene, seed)
        arms, missing = _trained(scene, bench["new_hand"], "new_hand", hand_arms())
        left += [f"{name} of seed {seed}" for name in missing]
        if not arms:
            continue
        with deterministic():
            outcomes = run_new_hand(bench["new_hand"], arms)
        rows[str(seed)] = {
            name: {key: outcome.figures[key] for key in HAND_FIGURES} for name, outcome in outcomes.items()
        }
    found = {"recogniser": origin, "steps": sizes.hand_steps, "seeds": rows, "change": _changes(rows)}
    return found | ({"left": ", ".join(left)} if left else {})


def report(scene: Scene) -> dict[str, Any]:
    """report.html of both experiments of the first seed, with what the debugger says of each arm that ran."""
    known = {"with_labels": scene.stage("labels"), "new_hand": scene.stage("hand")}
    if missing := [name for name, stage in known.items() if stage is None]:
        return {"failed": f"{', '.join(missing)} has not been run"}
    ran = {"with_labels": known["with_labels"]["arms"], "new_hand": known["new_hand"]["seeds"].get("0", {})}  # type: ignore[index]
    tables = {"with_labels": label_arms(), "new_hand": hand_arms()}
    arms = {name: {arm: tables[name][arm] for arm in tables[name] if arm in ran[name]} for name in ran}
    if any("ctc" not in row for row in arms.values()) or "ctc_again" not in arms["with_labels"]:
        return {"failed": "the arms that the others are held against were left out for want of time"}
    benches, _ = _benches(scene, 0)
    config = benches["new_hand"].config
    with deterministic():
        found: Comparison = compared(
            config, scene.state / "report", arms, benches, scene.device, progress=_indented(scene)
        )
    page = write_report(found)
    return {"page": write_text_atomic(scene.out / page.name, page.read_text(encoding="utf-8")).name}


def _benches(scene: Scene, seed: int) -> tuple[dict[str, Bench], str]:
    sizes = sizes_of(scene)
    model, charset, origin = scene.trained()
    config = ComparisonConfig(
        recogniser=origin, language_model=scene.language_model.name, seed=seed, steps=sizes.hand_steps,
        label_steps=sizes.label_steps, batch_size=sizes.batch, label_batch_size=sizes.batch,
        adapt_lines=sizes.adapt_lines, evaluation_lines=sizes.evaluation_lines, device=str(scene.device),
    )  # fmt: skip
    out = scene.state / f"seed-{seed}"
    benches = make_benches(config, model, charset, scene.language_model, out, lambda *_: None)
    return {name: dataclasses.replace(bench, attribute_every=EVERY) for name, bench in benches.items()}, origin


def _trained(scene: Scene, bench: Bench, experiment: str, arms: dict[str, Arm]) -> tuple[dict[str, Arm], list[str]]:
    """Train the arms while there is time; those trained, in order, and the names of the others."""
    done: dict[str, Arm] = {}
    left: list[str] = []
    longest = 0.0
    for name, arm in arms.items():
        if scene.budget.left < longest + 0.1 * scene.budget.seconds * (not scene.small):
            left.append(name)
            continue
        scene.progress(f"  {experiment}, seed {bench.config.seed}: {name} ({scene.budget.left:.0f} s left)")
        began = time.monotonic()
        with deterministic():
            train_arm(bench, experiment, arm)
        longest = max(longest, time.monotonic() - began)
        done[name] = arm
    return done, left


def _label_figures(bench: Bench, outcome: ArmOutcome) -> dict[str, Any]:
    texts = bench.evaluation.texts
    decoding = make_decoding("ngram", bench.charset, device=bench.config.device)
    fused = read_both(outcome.model, bench.evaluation, bench.charset, decoding)["fused"]
    before, after = (_hinge(bench, quality.readings) for quality in (outcome.before, outcome.after))
    changes = [b - a for a, b in zip(before, after, strict=True)]
    return {key: outcome.figures[key] for key in LABEL_FIGURES} | {
        "cer_fused_after": character_errors(texts, fused).rate,
        "held_out_penalty_before": sum(before) / len(before),
        "held_out_penalty_after": sum(after) / len(after),
        "held_out_penalty_change_interval": list(t_interval(changes)),
        "gradient_norms": outcome.result.series("lm", "gradient_norm"),
        "cosines": outcome.result.series("lm", "cosine"),
    }


def _hinge(bench: Bench, readings: list[str]) -> list[float]:
    """The story's penalty of each line, nats a token: how much less likely the reading is than the label."""
    judge = bench.language_model
    return (judge.score(readings) - judge.score(bench.evaluation.texts)).clamp(min=0).tolist()


def _changes(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Of each arm, the mean change of the error rate over the seeds, and Student's 95 % interval."""
    found = {}
    for name in dict.fromkeys(name for row in rows.values() for name in row):
        values = [row[name]["cer_after"] - row[name]["cer_before"] for row in rows.values() if name in row]
        interval = list(t_interval(values)) if len(values) > 1 else None
        found[name] = {"mean": sum(values) / len(values), "seeds": len(values), "interval": interval}
    return found


def _indented(scene: Scene) -> Callable[[str], None]:
    return lambda text: scene.progress(f"  {text}")
