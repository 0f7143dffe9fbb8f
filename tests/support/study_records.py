"""Records of runs that never were, with effects planted in them, for the tests of the experiments' page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck_lm.lab.measuring.metrics import LineErrors

# relative change of CER that each arm is planted with: greedy, and fused on both sides
EFFECTS: dict[str, tuple[float, float]] = {
    "argmax": (0.0, 0.0),
    "soft_embedding": (0.0, 0.0),
    "gumbel_softmax": (-0.08, 0.0),
    "straight_through": (0.12, 0.10),
    "policy_gradient": (-0.25, -0.15),
    "policy_gradient, fused beam": (-0.28, -0.20),
    "relax": (-0.02, 0.0),
    "minimum_risk, samples": (-0.10, -0.03),
    "minimum_risk, fused beam": (-0.20, -0.12),
}
CONTROLS: dict[str, tuple[float, float]] = {
    "BatchNorm alone": (-0.04, -0.02),
    "entropy": (0.0, 0.0),
    "pseudo-labels": (-0.12, 0.0),
    "scrambled LM": (1.6, 1.4),
}
START_CER = {"greedy": 0.21, "fused": 0.16}
PARTS = ("held_out", "adapted")


def records(
    *,
    study: str = "new_hand",
    group: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = range(5),
    lines: int = 144,
    effects: Mapping[str, tuple[float, float]] = EFFECTS,
    controls: Mapping[str, tuple[float, float]] = CONTROLS,
    reference: str = "start",
    same_lines: bool = False,
    noise: float = 0.35,
    random: int = 0,
) -> list[dict[str, Any]]:
    """Records of all arms and seeds.

    A line has a difficulty of its own that all arms share. An arm redraws a part of each line's mistakes, so that
    differences have noise even where nothing is planted; `argmax` redraws none.

    Args:
        effects: by arm, the relative change of CER, greedy and fused.
        controls: the same for controls.
        noise: part of a line's edits that an arm draws anew.
        random: seed of all of it.
    """
    group = {"hand": "zeyada"} if group is None else dict(group)
    found = []
    for seed in seeds:
        source = np.random.default_rng([random, 0 if same_lines else seed])
        lengths = {part: source.integers(25, 60, lines) for part in PARTS}
        hard = {part: source.gamma(4.0, 0.25, lines) for part in PARTS}
        source = np.random.default_rng([random, seed, 1])
        level = source.normal(1.0, 0.05)
        base = {
            (part, how): source.binomial(lengths[part], np.clip(START_CER[how] * level * hard[part], 0, 1))
            for part in PARTS
            for how in START_CER
        }
        for arm, (greedy, fused) in {reference: (0.0, 0.0), **effects, **controls}.items():
            own = 0.0 if arm in (reference, "argmax") else noise
            shift = source.normal(0.0, 0.02) if own else 0.0
            edits: dict[str, dict[str, list[int]]] = {part: {} for part in PARTS}
            for (part, how), start in base.items():
                change = (greedy if how == "greedy" else fused) + shift
                kept = source.binomial(start, 1 - own)
                rate = START_CER[how] * level * hard[part]
                drawn = source.binomial(lengths[part], np.clip(rate * (own + change), 0, 1))
                # a fall beyond what is redrawn comes from what was kept
                lost = source.binomial(kept, min(1.0, max(0.0, -(own + change)) / max(1e-9, 1 - own)))
                edits[part][how] = (kept - lost + drawn).tolist()
            name = arm.split(",")[0]
            penalty = name if arm in effects and name != "ctc" else "policy_gradient" if arm == "scrambled LM" else None
            found.append(
                {
                    "key": f"{study}/{'/'.join(map(str, group.values()))}/{arm}/seed-{seed}",
                    "study": study,
                    "group": group,
                    "arm": arm,
                    "reference": reference,
                    "control": arm in controls,
                    "seed": seed,
                    "settings": {
                        "penalty": penalty, "weight": 1.0, "options": {"objective": "ratio"} if penalty else {},
                        "steps": 40, "batch_size": 16, "language_model": "char", "matched": False,
                    },
                    "edits": edits,
                    "lengths": {part: lengths[part].tolist() for part in PARTS},
                    "lm": 2.7 + 0.1 * greedy,
                    "length_ratio": 0.97,
                    "gradient_norm": 17.3 if penalty else None,
                    "cosine": None,
                    "seconds_per_step": 0.4 + 0.01 * seed,
                    "peak_memory_mb": 812,
                    "stopped": None,
                    "device": "CPU, 1 threads, x86_64",
                    "versions": {"torch": "2.13.0"},
                }
            )  # fmt: skip
    return found


def errors(edits: list[int] | np.ndarray, length: int | np.ndarray = 40) -> LineErrors:
    edits = np.asarray(edits)
    return LineErrors(edits, np.broadcast_to(np.asarray(length), edits.shape).copy())
