"""The settings of a training run and of a comparison, as plain data that goes into JSON and back."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from gradcheck_lm.errors import ArgumentError


@dataclass(frozen=True)
class TrainingConfig:
    """How one recogniser is trained. Learning rates have no unit; weights multiply a term of the loss."""

    steps: int = 1000
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 5e-5
    epsilon: float = 1e-8
    warmup: int = 0  # steps from 0 to the full learning rate
    schedule: str = "milestones"  # "milestones": x0.1 at 50 % and 75 %; "one_cycle": up, then down to 0; "constant"
    clip_norm: float | None = None
    seed: int = 0
    train_mode: bool = True  # False: BatchNorm statistics and dropout stay frozen
    augment: bool = False
    checkpoint_every: int = 0  # steps; 0: only at the end
    attribute_every: int = 0  # steps between measurements of every term's gradient; 0: never
    mixed_precision: str = "no"  # "no", "bf16" or "fp16"
    trackers: tuple[str, ...] = ()  # accelerate's names: "tensorboard", "wandb", ...
    prefetch: int = 2  # batches that a thread makes ahead of their step; 0: none, each when it is needed
    workers: int | None = None  # threads that make them, where lines are read from files; None: several for a GPU
    fused: bool | None = None  # AdamW's update as one kernel; None: on a GPU
    compile: bool = False  # torch.compile for the convolutions
    deterministic: bool = False  # algorithms whose sums have one order: a second run ends with the same bits

    def __post_init__(self) -> None:
        if self.schedule not in ("milestones", "one_cycle", "constant"):
            raise ArgumentError(f"schedule is {self.schedule!r}; choose milestones, one_cycle or constant")
        for name in ("steps", "batch_size"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("learning_rate", "epsilon"):
            if not 0 < getattr(self, name) < math.inf:
                raise ArgumentError(f"{name} is {getattr(self, name)}; it must be a number above 0, such as 0.001")
        if not 0 <= self.weight_decay < math.inf:
            raise ArgumentError(f"weight_decay is {self.weight_decay}; it must be a number from 0 on")
        if self.clip_norm is not None and not 0 < self.clip_norm < math.inf:
            raise ArgumentError(f"clip_norm is {self.clip_norm}; it must be a number above 0, or None for no clipping")
        for name in ("warmup", "checkpoint_every", "attribute_every"):
            if getattr(self, name) < 0:
                raise ArgumentError(f"{name} is {getattr(self, name)}; it counts steps and must be at least 0")
        if self.prefetch < 0:
            raise ArgumentError(f"prefetch is {self.prefetch}; it counts batches made ahead and must be at least 0")
        if self.workers is not None and self.workers < 1:
            raise ArgumentError(f"workers is {self.workers}; it counts threads and must be at least 1")
        if self.mixed_precision not in ("no", "bf16", "fp16"):
            raise ArgumentError(f"mixed_precision is {self.mixed_precision!r}; choose no, bf16 or fp16")

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        part = step / self.steps
        if self.schedule == "milestones":
            return self.learning_rate * warm * (1.0 if part < 0.5 else 0.1 if part < 0.75 else 0.01)
        if self.schedule == "one_cycle":
            rise = 0.1
            return self.learning_rate * (max(part, 1e-3) / rise if part < rise else (1 - part) / (1 - rise))
        return self.learning_rate * warm


@dataclass(frozen=True)
class Arm:
    """One way of training in a comparison."""

    name: str
    penalty: str | None = None  # a name in gradcheck_lm.penalties, or None
    weight: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)
    batchnorm_only: bool = False  # train-mode forward, no loss at all: what BatchNorm statistics do by themselves
    control: str | None = None  # instead of a penalty, a name in gradcheck_lm.lab.training.controls
    anchor: float = 1.0  # weight of the KL divergence to the starting posteriors, of adapting without labels


STORY = {"lm_sample_ratio": 0.25}  # the story looks at a quarter of the lines of each batch
AGAIN = "ctc_again"  # the arm `ctc` a second time: what its equality proves depends on this one's
ARM_NAMES = ("ctc", "argmax", "soft_embedding", "gumbel_softmax", "policy_gradient")


@dataclass(frozen=True)
class ComparisonConfig:
    """Both experiments of the comparison.

    Learning rate, batch and weights of the new hand were chosen on other lines of the hand Shadows Into Light and on
    two typefaces, with policy_gradient alone: docs/results/tuning.md has every run.
    """

    recogniser: str = "synthetic"
    language_model: str = "smollm2"
    arms: tuple[str, ...] = ARM_NAMES
    steps: int = 16  # of the new hand
    label_steps: int = 3  # of the experiment with labels
    batch_size: int = 16
    label_batch_size: int = 16
    adapt_lines: int = 256
    evaluation_lines: int = 144
    samples: int = 8  # strings a line that policy_gradient draws on the new hand
    hand: str = "shadows-into-light"
    texts: str = "stdlib"
    seed: int = 0
    device: str | None = None
    mixed_precision: str = "no"
    deterministic: bool = True  # without it equality to the bit cannot be expected of a GPU

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dataclasses.asdict(self)


def with_labels_arms() -> dict[str, Arm]:
    """Arms of the experiment with labels: the story's penalty and weight, and its differentiable forms."""
    return {
        "ctc": Arm("ctc"),
        AGAIN: Arm(AGAIN),
        "argmax": Arm("argmax", "argmax", 0.1, {"objective": "hinge", "reduction": "positive_mean", **STORY}),
        "soft_embedding": Arm("soft_embedding", "soft_embedding", 0.1, {"objective": "hinge"}),
        "gumbel_softmax": Arm("gumbel_softmax", "gumbel_softmax", 0.1, {"objective": "hinge"}),
        "policy_gradient": Arm("policy_gradient", "policy_gradient", 0.1, {"objective": "hinge", "samples": 4}),
    }


def new_hand_arms(samples: int = 8) -> dict[str, Arm]:
    """Arms of the experiment without labels: nats per character in `ratio` form, held by KL to the starting reading."""
    return {
        "ctc": Arm("ctc"),
        "batchnorm_only": Arm("batchnorm_only", batchnorm_only=True),
        "argmax": Arm("argmax", "argmax", 1.0, {"objective": "ratio", "reduction": "mean", **STORY}),
        "soft_embedding": Arm("soft_embedding", "soft_embedding", 1.0, {"objective": "ratio"}),
        "gumbel_softmax": Arm("gumbel_softmax", "gumbel_softmax", 1.0, {"objective": "ratio"}),
        "policy_gradient": Arm("policy_gradient", "policy_gradient", 1.0, {"objective": "ratio", "samples": samples}),
    }
