"""What a run keeps on disk, and how: one run at a time, nothing half-written, the last good state never lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gradcheck_lm.errors import RunError
from gradcheck_lm.lab.folder.folder_lock import locked
from gradcheck_lm.lab.folder.metrics_file import MetricsFile
from gradcheck_lm.lab.folder.state import load_state, random_state, save_state
from gradcheck_lm.lab.machine.fault import bad_weight
from gradcheck_lm.lab.machine.processes import gathered, on_main, rank

STATE = "state.safetensors"


class RunFolder:
    """metrics.jsonl and state.safetensors of a run.

    Args:
        folder: made where it is missing.
        model, optimizer, generators, scaler: what a state holds besides torch's, NumPy's and Python's random numbers.
        identity: settings that a run which goes on must share with the one that began.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        generators: Mapping[str, torch.Generator],
        scaler: Any,
        identity: Mapping[str, Any],
    ) -> None:
        self.path = Path(folder)
        self.metrics = MetricsFile(folder)
        self.model, self.optimizer = model, optimizer
        self.generators, self.scaler, self.identity = generators, scaler, identity
        self.saved = 0
        """The step of the last state on disk, 0 where there is none."""

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out, and see to it that all processes learn when this one is kept out."""
        with contextlib.ExitStack() as stack:
            on_main(lambda: stack.enter_context(locked(self.path)))
            yield

    def resume(self) -> tuple[int, list[dict[str, Any]]]:
        """Put everything back to the last state; gives its step and the records up to it. (0, []) without a state.

        Raises:
            CheckpointError: the state is damaged, or of a run with other settings.
        """
        if not (self.path / STATE).exists():
            on_main(self.metrics.clear)
            return 0, []
        self.saved = load_state(
            self.path / STATE,
            model=self.model,
            optimizer=self.optimizer,
            generators=self.generators,
            config=self.identity,
            rank=rank(),
            scaler=self.scaler,
        )
        kept: list[dict[str, Any]] = []
        on_main(lambda: kept.extend(self.metrics.keep(self.saved)))
        return self.saved, gathered(kept)[0]

    def append(self, record: dict[str, Any]) -> None:
        """Write a step's record.

        Raises:
            RunError: the disk refuses; the last state is as it was.
        """
        with self._told(record["step"], "its figures"):
            on_main(lambda: self.metrics.append(record))

    def save(self, step: int) -> None:
        """Write the state after a step; the older one stays until the new one is complete.

        Raises:
            RunError: a weight is no number, or the disk refuses; the last state is as it was.
        """
        if step == self.saved:
            return
        if name := bad_weight(self.model):
            raise RunError(
                f"after step {step} the weight {name} holds NaN or infinity: this state is not saved. {self.kept}; "
                "lower the learning rate"
            )
        states = gathered(random_state())

        def write() -> None:
            self.metrics.sync()
            save_state(
                self.path / STATE,
                model=self.model,
                optimizer=self.optimizer,
                step=step,
                generators=self.generators,
                config=self.identity,
                random_states=states,
                scaler=self.scaler,
            )

        with self._told(step, "its state"):
            on_main(write)
        self.saved = step

    @property
    def kept(self) -> str:
        """What is safe, in words."""
        if not self.saved:
            return f"No state was saved in {self.path} before"
        return f"The last good state, after step {self.saved}, is kept in {self.path}"

    @contextlib.contextmanager
    def _told(self, step: int, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunError(
                f"step {step}: {what} could not be written to {error.filename or self.path} "
                f"({error.strerror or error}). {self.kept}; make room there and give the same command to go on from it"
            ) from error
