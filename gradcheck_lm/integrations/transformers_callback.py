"""A callback for transformers' Trainer: the first step and every N after it, diagnosed while it runs."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from transformers import TrainerCallback

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.flow.stepping.report import StepReport
from gradcheck_lm.integrations.loggers import hand_over
from gradcheck_lm.integrations.watched_step import StepDiagnosis, WatchedStep
from gradcheck_lm.integrations.whole_steps import closing_on_error

# what the loop calls between the beginning of a step and its end; an error in one of them ends the watch
_CALLED = ("get_batch_samples", "training_step", "_clip_grad_norm", "_maybe_log_save_evaluate")


class GradientFlowCallback(TrainerCallback):
    """Says, in a training by transformers' Trainer, which parameter or loss term gets no gradient and on which line.

        trainer = Trainer(model, args, train_dataset=data, callbacks=[GradientFlowCallback(every=100)])
        trainer.train()

    A callback sees no loss. So at the beginning of a watched step `trainer.training_step` is run once inside the
    recorder, and the loss is the tensor that its `backward()` is called on: with a loss of your own in `compute_loss`,
    with `accelerate`, mixed precision and gradient accumulation (the first micro-batch of a watched step) that is what
    is differentiated, and nothing else. From there on whole steps are followed until the optimizer has stepped twice:
    what clears, clips and scales the gradients, and how far the weights move. The steps themselves are unchanged; on
    all others nothing runs. What was seen goes to the Trainer's own `log` (`report_to`, `log_history`).

    Args:
        trainer: the Trainer, where it should not be found by itself (it is, when it calls this callback).
        options: those of `WatchedStep`: every, terms, ignore, write, report, on_broken, steps, log.
    Raises:
        ArgumentError: an option has a value that cannot work.
    """

    def __init__(self, *, trainer: Any = None, **options: Any) -> None:
        self.watched = WatchedStep(**options)
        self._trainer = trainer
        self._undo: list[Callable[[], None]] = []

    @property
    def diagnoses(self) -> deque[StepDiagnosis]:
        """What was seen, one for each watched step; the last 100."""
        return self.watched.diagnoses

    @property
    def reports(self) -> deque[tuple[int, StepReport]]:
        """What was seen of whole steps: the first step and its report; the last 100."""
        return self.watched.reports

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._leave()  # a training before this one may have ended by an error
        self._trainer = self._trainer or _calling_trainer(self)
        if self._trainer is None:
            raise ArgumentError(
                "GradientFlowCallback does not find the Trainer that calls it; pass it: "
                "trainer.add_callback(GradientFlowCallback(trainer=trainer))."
            )
        self.watched.speaks = state.is_world_process_zero

    def on_step_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        step, trainer = state.global_step, self._trainer
        was = self.watched.following
        self.watched.begin(step, model, [trainer.optimizer])
        if self.watched.following and not was:
            places = [(trainer, name) for name in _CALLED] + [(trainer.optimizer, "step")]
            self._undo = [
                closing_on_error(owner, name, self._leave)
                for owner, name in places
                # torch's schedulers warn where an optimizer's own step was replaced; accelerate's wrapper is not theirs
                if hasattr(owner, name) and (name != "step" or hasattr(owner, "optimizer"))
            ]
        if self.watched.due(step):
            _run_next_step_in(trainer, self.watched, step, model)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        try:
            self.watched.end(model)
        finally:
            if not self.watched.following:
                self._leave()
        self._log(state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        try:
            self.watched.end(model, last=True)
        finally:
            self._leave()
        if self._trainer is not None:
            self._log(state.global_step)
        self._trainer = None  # a callback outlives its trainer in some loops: it must not hold the model

    def _leave(self, error: BaseException | None = None) -> None:
        self.watched.leave(error)
        for undo in reversed(self._undo):
            undo()
        self._undo = []

    def _log(self, step: int) -> None:
        scalars, reports = self.watched.seen()
        if scalars:
            self._trainer.log(scalars)
        if reports and self.watched.speaks:
            experiments = list(_experiments(self._trainer))
            for report in reports:
                hand_over(experiments, report, step)


def _experiments(trainer: Any) -> Iterator[Any]:
    """What the Trainer's own logging callbacks write to: TensorBoard's writer, W&B's run."""
    for callback in trainer.callback_handler.callbacks:
        yield from filter(None, (getattr(callback, name, None) for name in ("tb_writer",)))
        wandb = getattr(callback, "_wandb", None)
        if wandb is not None and getattr(wandb, "run", None) is not None:
            yield wandb.run


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
