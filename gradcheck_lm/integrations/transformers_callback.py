"""A callback for transformers' Trainer: the first step and every N after it, diagnosed while it runs."""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

from transformers import TrainerCallback

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.integrations.watched_step import StepDiagnosis, WatchedStep


class GradientFlowCallback(TrainerCallback):
    """Says, in a training by transformers' Trainer, which parameter or loss term gets no gradient and on which line.

        trainer = Trainer(model, args, train_dataset=data, callbacks=[GradientFlowCallback(every=100)])
        trainer.train()

    A callback sees no loss. So at the beginning of a watched step `trainer.training_step` is run once inside the
    recorder, and the loss is the tensor that its `backward()` is called on: with a loss of your own in `compute_loss`,
    with `accelerate`, mixed precision and gradient accumulation (the first micro-batch of a watched step) that is what
    is differentiated, and nothing else. The step itself is unchanged; on all other steps nothing runs.

    Args:
        trainer: the Trainer, where it should not be found by itself (it is, when it calls this callback).
        options: those of `WatchedStep`: every, terms, ignore, write, report, on_broken.
    Raises:
        ArgumentError: an option has a value that cannot work.
    """

    def __init__(self, *, trainer: Any = None, **options: Any) -> None:
        self.watched = WatchedStep(**options)
        self._trainer = trainer

    @property
    def diagnoses(self) -> deque[StepDiagnosis]:
        """What was seen, one for each watched step; the last 100."""
        return self.watched.diagnoses

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._trainer = self._trainer or _calling_trainer(self)
        if self._trainer is None:
            raise ArgumentError(
                "GradientFlowCallback does not find the Trainer that calls it; pass it: "
                "trainer.add_callback(GradientFlowCallback(trainer=trainer))."
            )
        self.watched.speaks = state.is_world_process_zero

    def on_step_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        if self.watched.due(state.global_step):
            _run_next_step_in(self._trainer, self.watched, state.global_step, model)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._trainer = None  # a callback outlives its trainer in some loops: it must not hold the model


def _run_next_step_in(trainer: Any, watched: WatchedStep, step: int, model: Any) -> None:
    """The trainer's next training_step runs inside the recorder; the trainer is as before when it starts."""
    original = trainer.training_step
    own = vars(trainer).get("training_step")

    def watched_training_step(*args: Any, **kwargs: Any) -> Any:
        if own is None:
            del trainer.training_step
        else:
            trainer.training_step = own
        return watched.run(step, model, original, *args, **kwargs)

    trainer.training_step = watched_training_step


def _calling_trainer(callback: TrainerCallback) -> Any:
    """The Trainer on the stack that holds this callback: transformers hands callbacks the model, not the trainer."""
    frame = sys._getframe(2)
    while frame is not None:
        candidate = frame.f_locals.get("self")
        held = getattr(getattr(candidate, "callback_handler", None), "callbacks", ())
        if hasattr(candidate, "training_step") and any(item is callback for item in held):
            return candidate
        frame = frame.f_back  # type: ignore[assignment]
    return None
