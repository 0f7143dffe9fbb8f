"""A callback for Lightning's Trainer: the first step and every N after it, diagnosed while it runs.

Needs `pip install 'gradcheck_lm[lightning]'`. The package comes under two names, `lightning.pytorch` and
`pytorch_lightning`, whose classes are not each other's: the one that the program has imported already is taken.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from gradcheck_lm.errors import MissingPackageError
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
            raise MissingPackageError(
                "Lightning is not installed; type: pip install 'gradcheck_lm[lightning]'"
            ) from error


class GradientFlowCallback(Callback):
    """Says, in a training by Lightning, which parameter or loss term gets no gradient and on which line.

        trainer = Trainer(callbacks=[GradientFlowCallback(every=100)])
        trainer.fit(module, loader)

    On a watched step the module's `training_step` is run once inside the recorder. The loss is what it returns, or with
    manual optimisation every tensor that it calls `backward()` on: a parameter is starved where none of them reaches
    it. Steps are counted in batches, so that with `accumulate_grad_batches` single micro-batches are watched. The step
    itself is unchanged; on all other steps nothing runs.

    Args:
        options: those of `WatchedStep`: every, terms, ignore, write, report, on_broken. `terms` are names in the dict
            that `training_step` returns.
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

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self.watched.speaks = trainer.is_global_zero

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if self.watched.due(self._batches):
            _run_next_step_in(pl_module, self.watched, self._batches)
        self._batches += 1

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
