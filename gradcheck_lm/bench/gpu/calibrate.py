"""What a step takes here: every penalty, in float32, TF32 and bfloat16; the other stages' sizes follow from it."""

from __future__ import annotations

import contextlib
import statistics
import time
from typing import Any

import torch

from gradcheck_lm.bench.gpu.arms import label_arms
from gradcheck_lm.bench.gpu.scene import Scene
from gradcheck_lm.bench.gpu.sizes import SMALL, Sizes, fitted
from gradcheck_lm.bench.peak import fast_bfloat16, float32_rounding
from gradcheck_lm.htr.checkpoint import load_recogniser
from gradcheck_lm.lab.config import Arm, TrainingConfig

WARM_UP, COUNTED = 2, 3
SHARE = 0.15  # of the minutes: what is over is left out, and said


def calibrate(scene: Scene) -> dict[str, Any]:
    """Median seconds of a step of each arm in each precision, the rest left out where the time is over.

    `ctc` runs first in every precision, then every arm in float32: what sizes the other stages is there in any case.
    """
    began, left_out = time.monotonic(), []
    precisions = ["float32", *(["tf32"] if scene.device.type == "cuda" else [])]
    precisions += ["bf16"] if fast_bfloat16(scene.device) else []
    seconds: dict[str, dict[str, float]] = {}
    arms = label_arms()
    wanted = [(name, kind) for kind in precisions for name in (["ctc"] if kind != "float32" else list(arms))]
    wanted += [(name, kind) for kind in precisions[1:] for name in arms if name not in ("ctc", "ctc_again")]
    for name, kind in wanted:
        if time.monotonic() - began > SHARE * scene.budget.seconds and name != "ctc" and kind != "float32":
            left_out.append(f"{name}, {kind}")
            continue
        scene.progress(f"  {name}, {kind}")
        seconds.setdefault(name, {})[kind] = _step_seconds(scene, arms[name], kind)
    sizes = SMALL if scene.small else fitted(seconds, scene.budget.seconds / 60)
    return {
        "batch_size": sizes.batch,
        "seconds": seconds,
        "times_ctc": {
            name: {kind: value / seconds["ctc"][kind] for kind, value in row.items()} for name, row in seconds.items()
        },
        "left_out": left_out,
        "sizes": sizes.to_dict(),
    }


def sizes_of(scene: Scene) -> Sizes:
    """What `calibrate` found, in this call or an earlier one; measured now where it was not."""
    found = scene.stage("calibrate")
    if found is None:
        began = time.monotonic()
        found = {**calibrate(scene), "stage_seconds": time.monotonic() - began}
        scene.report["stages"]["calibrate"] = found
        scene.save()
    return Sizes(**found["sizes"])


def _step_seconds(scene: Scene, arm: Arm, kind: str) -> float:
    model, charset = load_recogniser(scene.network, seed=0)
    size = SMALL.batch if scene.small else Sizes().batch
    warm, counted = (0, 1) if scene.small else (WARM_UP, COUNTED)
    config = TrainingConfig(
        steps=warm + counted, batch_size=size, schedule="constant", mixed_precision="bf16" if kind == "bf16" else "no"
    )
    with float32_rounding(kind == "tf32") if scene.device.type == "cuda" else contextlib.nullcontext():
        records = scene.steps_of(arm, model, charset, config, batches=2)
    if scene.device.type == "cuda":
        torch.cuda.empty_cache()
    return statistics.median(record["seconds"] - record["data_wait"] for record in records[warm:])
