"""A callback for Lightning's Trainer: the first step and every N after it, diagnosed while it runs.

Needs the extra `lightning`. The package comes under two names, `lightning.pytorch` and
`pytorch_lightning`, whose classes are not each other's: the one that the program has imported already is taken.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from gradcheck_lm.errors import MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.flow.stepping.report import StepReport
from gradcheck_lm.integrations.loggers import hand_over
from gradcheck_lm.integrations.watched_step import StepDiagnosis, WatchedStep

if TYPE_CHECKING:
    from lightning.pytorch import Callback
else:
    try:
        if "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules:
            from pytorch_lightning import Callback
        else:
            from lightning.pytorch import Callback
    except ImportError:
        try:
            from pytorch_lightning import Callback
        except ImportError as error:
            raise MissingPackageError(f"Lightning is not installed; type: {install_line('lightning')}") from error


class GradientFlowCallback(Callback):
    """Says, in a training by Lightning, which parameter or loss term gets no gradient and on which line.

        trainer = Trainer(callbacks=[GradientFlowCallback(every=100)])
        trainer.fit(module, loader)

    On a watched step the module's `training_step` is run once inside the recorder. The loss is what it returns, or with
    manual optimisation every tensor that it calls `backward()` on: a parameter is starved where none of them reaches
    it. Steps are counted in batches, so that with `accumulate_grad_batches` single micro-batches are watched. From
    there on whole steps are followed until each optimizer has stepped twice: what clears, clips and scales the
    gradients, and how far the weights move. The steps themselves are unchanged; on all others nothing runs. What was
    seen goes to all loggers of the trainer.

    Args:
        options: those of `WatchedStep`: every, terms, ignore, write, report, on_broken, steps, log. `terms` are names
            in the dict that `training_step` returns.
    Raises:
        ArgumentError: an option has a value that cannot work.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.watched = WatchedStep(**options)
        self._batches = 0

    @property
    def diagnoses(self) -> deque[StepDiagnosis]:
        """What was seen, one for each watched step; the last 100."""
        return self.watched.diagnoses

    @property
    def reports(self) -> deque[tuple[int, StepReport]]:
        """What was seen of whole steps: the first step and its report; the last 100."""
        return self.watched.reports

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self.watched.speaks = trainer.is_global_zero

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self.watched.begin(self._batches, pl_module, trainer.optimizers)
        if self.watched.due(self._batches):
            _run_next_step_in(pl_module, self.watched, self._batches)
        self._batches += 1

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.watched.end(pl_module)
        self._log(trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self.watched.end(pl_module, last=True)
        self._log(trainer)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self.watched.leave(exception)

    def _log(self, trainer: Any) -> None:
        scalars, reports = self.watched.seen()
        # not pl_module.log, which drops what falls between log_every_n_steps; the step that Lightning itself logs with
        step = trainer.fit_loop.epoch_loop._batches_that_stepped
        for logger in trainer.loggers:
            if scalars:
                logger.log_metrics(scalars, step=step)
            if self.watched.speaks:
                for report in reports:
                    hand_over([logger.experiment], report, step)

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self._batches}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._batches = state_dict["batches"]


def _run_next_step_in(module: Any, watched: WatchedStep, step: int) -> None:
    """The module's next training_step runs inside the recorder; the module is as before when it starts."""
    original = module.training_step
    own = vars(module).get("training_step")

    def watched_training_step(*args: Any, **kwargs: Any) -> Any:
        if own is None:
            del module.training_step
        else:
            module.training_step = own
        return watched.run(step, module, original, *args, **kwargs)

    module.training_step = watched_training_step
