"""How much each stage of the GPU benchmark does: from what a step takes here, to the minutes given."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# of the minutes given; the rest is loading, measuring before and after, and the page
SHARES = {"train": 0.2, "labels": 0.3, "hand": 0.2}


@dataclass(frozen=True)
class Sizes:
    """Steps, lines and seeds of the stages that train."""

    train_steps: int = 1600
    train_batch: int = 32
    train_lines: int = 3000
    label_steps: int = 60
    hand_steps: int = 16
    hand_seeds: int = 3
    batch: int = 16
    adapt_lines: int = 320
    evaluation_lines: int = 144
    precision: str = "no"  # of the stage that trains from fresh weights

    def to_dict(self) -> dict[str, Any]:
        """For the record, from which a later call takes them again."""
        return dataclasses.asdict(self)


SMALL = Sizes(
    train_steps=2, train_batch=2, train_lines=4, label_steps=1, hand_steps=1, hand_seeds=1, batch=2, adapt_lines=4,
    evaluation_lines=6,
)  # fmt: skip


def fitted(seconds: Mapping[str, Mapping[str, float]], minutes: float) -> Sizes:
    """Sizes that fit the minutes, at most those of `Sizes`.

    Args:
        seconds: arm -> precision -> seconds of a step of `Sizes.batch` lines; "ctc" in "float32" is among them.
        minutes: for all stages together.
    """
    most, time = Sizes(), 60 * minutes
    plain = seconds["ctc"]
    offered = {name: plain[name] for name in ("float32", "tf32", "bf16") if name in plain}
    fastest = min(offered, key=lambda name: offered[name])
    train_step = offered[fastest] * most.train_batch / most.batch
    label_round = sum(row["float32"] for row in seconds.values() if "float32" in row) + plain["float32"]
    # the new hand's arms and controls are of the same kinds: a step of each, for every seed
    hand_round = most.hand_seeds * 1.5 * label_round
    return dataclasses.replace(
        most,
        train_steps=_between(20, SHARES["train"] * time / train_step, most.train_steps),
        label_steps=_between(2, SHARES["labels"] * time / label_round, most.label_steps),
        hand_steps=_between(2, SHARES["hand"] * time / hand_round, most.hand_steps),
        precision="bf16" if fastest == "bf16" else "no",
    )


def _between(least: int, wanted: float, most: int) -> int:
    return max(least, min(most, int(wanted)))
