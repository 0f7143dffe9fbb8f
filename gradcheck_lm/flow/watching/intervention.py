"""What a run under a recorder may do besides what the program says: the base of replays and bridges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch

from gradcheck_lm.flow.watching.sites import Site
from gradcheck_lm.flow.watching.tape import Call, Recording


class Intervention(ABC):
    """Handed to a Recorder, it does the calls itself and may change what they give."""

    deep = False  # keep the numbers given to every call as well
    recording: Recording

    def begin(self, recording: Recording) -> None:
        """Take the recording that the run is written to."""
        self.recording = recording

    @abstractmethod
    def run(self, call: Call, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Do one call; `call` is not yet part of the recording."""

    def returned(self, tensor: torch.Tensor, site: Site | None) -> None:  # noqa: B027 - most have nothing to do here
        """A tensor is met that no recorded call made, after values left torch."""

    def keeps_alive(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor that asks for no gradient is to count as one that carries it."""
        return False
