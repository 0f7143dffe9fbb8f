"""The arms of the GPU benchmark: those of `compare`, more estimators with labels, and the controls without."""

from __future__ import annotations

from gradcheck_lm.lab.config import Arm, new_hand_arms, with_labels_arms
from gradcheck_lm.lab.training.controls import CONTROLS


def label_arms() -> dict[str, Arm]:
    """With labels: every estimator at the story's weight; the others are held against `ctc`, the first."""
    hinge = {"objective": "hinge"}
    return {
        **with_labels_arms(),
        "straight_through": Arm("straight_through", "straight_through", 0.1, hinge),
        "minimum_risk": Arm("minimum_risk", "minimum_risk", 0.1, {**hinge, "samples": 4}),
    }


def hand_arms() -> dict[str, Arm]:
    """Without labels: the arms of `compare`, and every control; the built-in n-gram reads along in one of them."""
    options = {"fused_readings": {"decoding": "ngram"}}
    controls = {name: Arm(name, weight=1.0, control=name, options=options.get(name, {})) for name in CONTROLS}
    return {**new_hand_arms(), **controls}
