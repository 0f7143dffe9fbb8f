"""What a penalty adds to a step, by what is replayed from CUDA graphs: nothing, the language model, or all there is."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from gradcheck_lm.bench.gpu.arms import label_arms
from gradcheck_lm.bench.gpu.scene import Scene
from gradcheck_lm.bench.gpu.sizes import SMALL, Sizes
from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lm import LanguageModel

ARMS = ("ctc", "soft_embedding", "policy_gradient")
STEPS = 30  # the first half pays for capturing, and is not counted
BATCHES = 8  # of different lines, so that readings of several lengths come


@dataclass(frozen=True)
class Replays:
    """What is replayed: the language model's layers, its gradient with respect to embeddings, the recogniser."""

    scores: bool = False
    gradients: bool = False
    recogniser: bool = False
    deterministic: bool = False


WAYS = {
    "plain": Replays(),
    "scores": Replays(scores=True),
    "scores and gradients": Replays(scores=True, gradients=True),
    "all": Replays(scores=True, gradients=True, recogniser=True),
    "scores and gradients, deterministic": Replays(scores=True, gradients=True, deterministic=True),
}


def graphs(scene: Scene) -> dict[str, Any]:
    """Median seconds of a float32 step of each arm in each way, and how many times the step of `ctc` of that way."""
    found: dict[str, dict[str, Any]] = {}
    model = scene.language_model
    layers = model._graphs if isinstance(model, LanguageModel) else None
    before = None if layers is None else (layers.wanted, layers.differentiable)
    try:
        for name, way in WAYS.items():
            if layers is not None:
                layers.wanted, layers.differentiable = way.scores, way.gradients
            for arm in ARMS:
                scene.progress(f"  {arm}, {name}")
                rows = found.setdefault(name, {})
                rows[arm] = _row(scene, arm, way, rows.get("ctc"))
    finally:
        if layers is not None and before is not None:
            layers.wanted, layers.differentiable = before
    return {"batch_size": _size(scene), "rows": found}


def _row(scene: Scene, name: str, way: Replays, plain: dict[str, Any] | None) -> dict[str, Any]:
    try:
        seconds = _seconds(scene, name, way)
    except (GradcheckLMError, RuntimeError) as error:  # a capture that fails must not cost the other rows
        return {"failed": f"{type(error).__name__}: {error}"}
    row = {"seconds": statistics.median(seconds), "fastest": min(seconds), "slowest": max(seconds)}
    return row if plain is None or "failed" in plain else row | {"times_ctc": row["seconds"] / plain["seconds"]}


def _seconds(scene: Scene, name: str, way: Replays) -> list[float]:
    recogniser, charset, _ = scene.trained()
    arm, size = label_arms()[name], _size(scene)
    config = TrainingConfig(
        steps=2 if scene.small else STEPS, batch_size=size, schedule="constant", learning_rate=1e-5,
        graphs=way.recogniser and scene.device.type == "cuda", deterministic=way.deterministic,
    )  # fmt: skip
    records = scene.steps_of(arm, recogniser, charset, config, batches=BATCHES)
    return [record["seconds"] - record["data_wait"] for record in records[len(records) // 2 :]]


def _size(scene: Scene) -> int:
    return SMALL.batch if scene.small else Sizes().batch
