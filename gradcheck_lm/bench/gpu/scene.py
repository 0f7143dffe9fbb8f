"""What the stages of the GPU benchmark share: device, models, the time that is left, what was measured so far."""

from __future__ import annotations

import copy
import functools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.bench.train_plan import lines_of
from gradcheck_lm.errors import ArgumentError, GradcheckLMError
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.checkpoint import load_recogniser
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.comparing.compare import device_name, versions
from gradcheck_lm.lab.config import Arm, TrainingConfig
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.trainer import Trainer, make_accelerator
from gradcheck_lm.lm import AnyLanguageModel, load_language_model
from gradcheck_lm.penalties import make_penalty

FIGURES = "gpu.json"
TRAINED = "full.safetensors"


class Budget:
    """Seconds left of the time given."""

    def __init__(self, minutes: float) -> None:
        self.seconds = 60 * minutes
        self.ends = time.monotonic() + self.seconds

    @property
    def left(self) -> float:
        """Below 0 where the time is over."""
        return self.ends - time.monotonic()


@dataclass
class Scene:
    """One call of the benchmark, and what earlier calls left in its folder.

    Args:
        out: gpu.json, gpu.md and report.html.
        state: weights and states of the runs, from which a later call goes on.
        small: sizes that only try the benchmark itself.
        recogniser: a checkpoint to begin from instead of training one.
        reference: a checkout of the reference implementation.
    """

    out: Path
    state: Path
    device: torch.device
    budget: Budget
    language_model_name: str
    progress: Callable[[str], None]
    recogniser: str | None = None
    reference: str | Path | None = None
    small: bool = False
    report: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.report = self._earlier()

    @functools.cached_property
    def language_model(self) -> AnyLanguageModel:
        """The one asked for; where it cannot be loaded the small one that ships, and the report says so."""
        try:
            found = load_language_model(self.language_model_name, device=self.device)
        except GradcheckLMError as error:
            self.report["notes"][self.language_model_name] = f"{error} (went on with the small model that ships)"
            found = load_language_model("char", device=self.device)
        self.report["language_model"] = f"{found.name}, {found.dtype}"
        return found

    @property
    def network(self) -> str:
        """The recogniser that is trained: "full"; the small one where the benchmark itself is tried."""
        return "small" if self.small else "full"

    def trained(self) -> tuple[CRNN, Charset, str]:
        """The recogniser that the experiments begin with, its charset, and where it comes from."""
        if self.recogniser is not None:
            return *self._on_device(self.recogniser), self.recogniser
        if (self.state / TRAINED).is_file():
            return *self._on_device(str(self.state / TRAINED)), "trained here from fresh weights"
        return *self._on_device(self.network), "fresh weights: it reads nothing yet"

    def steps_of(
        self, arm: Arm, recogniser: CRNN, charset: Charset, config: TrainingConfig, *, batches: int
    ) -> list[dict[str, Any]]:
        """The records of a short training of a copy, on so many batches of synthetic lines."""
        penalty = None
        if arm.penalty is not None:
            penalty = make_penalty(arm.penalty, self.language_model, charset, seed=0, **arm.options)
        trainer = Trainer(
            copy.deepcopy(recogniser), labelled(charset, penalty, arm.weight),
            lines_of(recogniser.config, batches * config.batch_size), config,
            accelerator=make_accelerator(config, None, self.device),
        )  # fmt: skip
        return trainer.run().records

    def stage(self, name: str) -> dict[str, Any] | None:
        """What an earlier stage gave; None where it was not run, or failed."""
        found = self.report["stages"].get(name)
        return None if found is None or "failed" in found else found

    def save(self) -> None:
        """Write the figures: after each stage, so that nothing is lost."""
        write_text_atomic(self.out / FIGURES, json.dumps(self.report, indent=2, default=str) + "\n")

    def _on_device(self, name: str) -> tuple[CRNN, Charset]:
        model, charset = load_recogniser(name, seed=0)
        return model.to(self.device).eval(), charset

    def _earlier(self) -> dict[str, Any]:
        here = {"device": device_name(self.device), "versions": versions()}
        path = self.out / FIGURES
        if not path.is_file():
            return {**here, "minutes": [], "stages": {}, "notes": {}}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            there, _ = ({name: found[name] for name in names} for names in (here, ("stages", "notes", "minutes")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArgumentError(f"{path} is no record of this benchmark ({error!r}): give another folder") from error
        if different := [
            f"{name} {there[name]!r} there, {here[name]!r} here" for name in here if there[name] != here[name]
        ]:
            raise ArgumentError(
                f"{path} was measured elsewhere: {'; '.join(different)}. Figures of two devices or versions do not "
                "belong on one page: give another folder"
            )
        return found
