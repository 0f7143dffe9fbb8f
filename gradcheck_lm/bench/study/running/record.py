"""What is written down of a run of a study: whose it is, its settings, and its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from gradcheck_lm.bench.study.running.plan import Run
from gradcheck_lm.lab.comparing.compare import device_name, versions
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.decoding import edits, lengths
from gradcheck_lm.lab.measuring.metrics import length_ratio
from gradcheck_lm.lab.measuring.reading import nats_per_character
from gradcheck_lm.lab.training.training_result import TrainingResult


def record_of(
    item: Run,
    result: TrainingResult,
    data: Mapping[str, LineData],
    readings: Mapping[str, dict[str, list[str]]],
    language_model: Any,
    **settings: Any,
) -> dict[str, Any]:
    """One run as JSON.

    Args:
        data: the part's name -> its lines; "held_out" is one of them.
        readings: the part's name -> "greedy" and "fused" -> what was read.
        language_model: costs the greedy readings of the lines held out.
        settings: what decides the figures beside the item's own.
    """
    greedy = readings["held_out"]["greedy"]
    return {
        "key": item.key,
        "study": item.study,
        "group": item.group,
        "arm": item.arm,
        "reference": item.reference,
        "control": item.control,
        "kind": item.kind,
        "against": item.against,
        "seed": item.seed,
        "settings": {**item.settings(), **settings},
        "edits": {name: edits(lines.texts, readings[name]) for name, lines in data.items()},
        "lengths": {name: lengths(lines.texts) for name, lines in data.items()},
        "lm": nats_per_character(language_model, greedy),
        "length_ratio": length_ratio(data["held_out"].texts, greedy),
        "gradient_norm": result.median("lm", "gradient_norm"),
        "cosine": result.median("lm", "cosine"),
        "seconds_per_step": result.seconds_per_step or None,
        "peak_memory_mb": result.peak_memory_mb or None,
        "stopped": result.stopped,
        "device": device_name(torch.device("cpu")),
        "versions": versions(),
    }
