"""A recogniser trained for one run of the study."""

from __future__ import annotations

import copy
from typing import Any

from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.training.trainer import Trainer, TrainingResult, make_accelerator


def fit(
    start: CRNN, lines: LineData, terms: Any, config: TrainingConfig, penalty: Any | None
) -> tuple[CRNN, TrainingResult]:
    """A copy of `start` trained on a CPU, ready to read, and what the training saw; `penalty` draws random numbers."""
    trainer = Trainer(
        copy.deepcopy(start).requires_grad_(True),
        terms,
        lines,
        config,
        accelerator=make_accelerator(config, None, "cpu"),
        generators={"penalty": penalty.generator} if penalty is not None else {},
    )
    result = trainer.run()
    return trainer.bare.eval(), result  # type: ignore[return-value]
