"""The instrumented trainer: every step it can say what each term of the loss did to each module."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn

from gradcheck_lm.errors import RunError
from gradcheck_lm.flow import attribute
from gradcheck_lm.lab.augment import augment
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.data import Batch, LineData
from gradcheck_lm.lab.memory import peak_memory_mb, reset_peak_memory
from gradcheck_lm.lab.state import load_state, save_state
from gradcheck_lm.lab.terms import StepTerms, TermFunction

STATE = "state.safetensors"
METRICS = "metrics.jsonl"


@dataclass
class TrainingResult:
    """What a run left behind: one record a step, and its costs."""

    records: list[dict[str, Any]] = field(default_factory=list)
    resumed_from: int = 0

    @property
    def seconds_per_step(self) -> float:
        """Median over the steps that measured no gradients by term; over all where every step did."""
        plain = [r["seconds"] for r in self.records if not any("gradient_norm" in row for row in r["terms"].values())]
        durations = sorted(plain or [record["seconds"] for record in self.records])
        return durations[len(durations) // 2] if durations else 0.0

    @property
    def peak_memory_mb(self) -> float:
        """Highest over the steps, in MB."""
        return max((record["peak_memory_mb"] for record in self.records), default=0.0)

    def series(self, term: str, key: str) -> list[tuple[int, float]]:
        """(step, value) of one figure of one term, over the steps that have it."""
        found = ((record["step"], record["terms"].get(term, {}).get(key)) for record in self.records)
        return [(step, value) for step, value in found if isinstance(value, (int, float))]

    def median(self, term: str, key: str) -> float | None:
        """Median over the steps that measured it; None where none did."""
        values = sorted(value for _, value in self.series(term, key))
        return values[len(values) // 2] if values else None


def make_accelerator(
    config: TrainingConfig, folder: str | Path | None = None, device: torch.device | str | None = None
) -> Accelerator:
    """accelerate's device, precision, processes and trackers for a run; `device` "cpu" keeps it off a GPU."""
    cpu = device is not None and torch.device(device).type == "cpu"
    if AcceleratorState._shared_state:
        # accelerate keeps one state a process and refuses another precision or device: start it anew
        present = AcceleratorState()
        other_device = cpu != (present.device.type == "cpu") and torch.cuda.is_available()
        if present.mixed_precision != config.mixed_precision or other_device:
            AcceleratorState._reset_state(reset_partial_state=present.num_processes == 1)
    return Accelerator(
        cpu=cpu,
        mixed_precision=config.mixed_precision,
        log_with=list(config.trackers) or None,
        project_dir=str(folder) if folder else None,
    )


class Trainer:
    """Trains a recogniser on the sum of named terms.

    Two trainers with the same configuration see the same batches, the same dropout and the same augmentation,
    whatever their terms are: penalties draw from generators of their own.

    Args:
        model: the recogniser; moved to the accelerator's device.
        terms: from (model, batch) to the step's weighted terms.
        data: the lines.
        config: steps, rates and the like.
        folder: where metrics.jsonl and state.safetensors go; None keeps everything in memory.
        generators: private random generators whose state belongs to the run (a penalty's).
        identity: what else a saved state must share with the run that resumes it (the penalty's settings).
        probe: figures to measure every `probe_every` steps, and after the last; must draw no random numbers.
        on_step: called with each record.
    """

    def __init__(
        self,
        model: nn.Module,
        terms: TermFunction,
        data: LineData,
        config: TrainingConfig,
        *,
        folder: str | Path | None = None,
        accelerator: Accelerator | None = None,
        generators: dict[str, torch.Generator] | None = None,
        identity: dict[str, Any] | None = None,
        probe: Callable[[nn.Module], dict[str, float]] | None = None,
        probe_every: int = 0,
        on_step: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.config = config
        self.terms = terms
        self.data = data
        self.folder = Path(folder) if folder is not None else None
        self.accelerator = accelerator or make_accelerator(config, folder)
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, eps=config.epsilon
        )
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.generators = generators or {}
        self.identity = identity or {}
        self.probe, self.probe_every = probe, probe_every
        self.on_step = on_step

    def run(self, *, until: int | None = None, resume: bool = True) -> TrainingResult:
        """Train up to `until` steps (default: all), going on from the folder's state where there is one.

        Raises:
            RunError: the loss is not a number; the last good state is kept.
        """
        config, bare = self.config, self.accelerator.unwrap_model(self.model)
        result = TrainingResult()
        start = self._resume(bare, result) if resume else 0
        if not start:
            torch.manual_seed(config.seed)
        self.model.train(config.train_mode)
        reset_peak_memory(self.accelerator.device)
        if config.trackers and not start:
            self.accelerator.init_trackers("gradcheck_lm", config=json.loads(json.dumps(dataclasses.asdict(config))))
        for step in range(start, min(config.steps, until or config.steps)):
            began = time.perf_counter()
            record = self._step(step, bare)
            record["seconds"] = round(time.perf_counter() - began, 4)
            record["peak_memory_mb"] = round(peak_memory_mb(self.accelerator.device), 1)
            if self.probe and self.probe_every and ((step + 1) % self.probe_every == 0 or step + 1 == config.steps):
                record["probe"] = self.probe(bare)
            result.records.append(record)
            self._write(record)
            if self.on_step:
                self.on_step(record)
            if self.folder and config.checkpoint_every and (step + 1) % config.checkpoint_every == 0:
                self._save(bare, step + 1)
        if self.folder and result.records:
            self._save(bare, result.records[-1]["step"])
        if config.trackers:
            self.accelerator.end_training()
        return result

    def _step(self, step: int, bare: nn.Module) -> dict[str, Any]:
        config, accelerator = self.config, self.accelerator
        batch = self.data.batch(
            step,
            config.batch_size,
            seed=config.seed,
            rank=accelerator.process_index,
            world=accelerator.num_processes,
            device=accelerator.device,
        )
        if config.augment:
            generator = torch.Generator().manual_seed(config.seed * 7_919 + step)
            batch = Batch(augment(batch.images, generator), batch.texts, batch.indices)
        rate = config.rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with accelerator.autocast():
            found = self.terms(self.model, batch)
        record = self._describe(step, rate, found, bare)
        total = found.total
        if not math.isfinite(float(total.detach())):
            bad = [name for name, term in found.terms.items() if not math.isfinite(float(term.detach()))]
            raise RunError(
                f"step {step + 1}: the loss is {float(total.detach())} (terms: {', '.join(bad)}; lines "
                f"{', '.join(self.data.names[i] for i in batch.indices[:4])} ...). The last checkpoint is kept; "
                f"lower the learning rate ({rate:.2g}) or look at these lines."
            )
        self.optimizer.zero_grad(set_to_none=True)
        if total.requires_grad:
            accelerator.backward(total)
            if config.clip_norm:
                accelerator.clip_grad_norm_(self.model.parameters(), config.clip_norm)
            self.optimizer.step()
        return record

    def _describe(self, step: int, rate: float, found: StepTerms, bare: nn.Module) -> dict[str, Any]:
        """One record: value and requires_grad of each term always, its gradients every `attribute_every` steps."""
        rows: dict[str, dict[str, Any]] = {
            name: {"value": float(term.detach()), "requires_grad": term.requires_grad}
            for name, term in found.terms.items()
        }
        every = self.config.attribute_every
        if every and step % every == 0:
            table = attribute(found.terms, wrt=bare)
            for name, row in rows.items():
                row["gradient_norm"] = table.norm(name)
                row["share"] = table.share(name)
                row["modules"] = {module: table.norm(name, module) for module in table.modules if module != "all"}
                if "ctc" in found.terms and name != "ctc":
                    row["cosine"] = table.cosine(name, "ctc")
        record: dict[str, Any] = {"step": step + 1, "learning_rate": rate, "total": float(found.total.detach())}
        record["requires_grad"] = found.total.requires_grad
        if found.penalty_value is not None:
            record["penalty"] = found.penalty_value
            if found.penalty_interval is not None:
                record["penalty_interval"] = list(found.penalty_interval)
            record["lm_calls"] = found.lm_calls
        record["terms"] = rows
        return record

    def _write(self, record: dict[str, Any]) -> None:
        if self.config.trackers:
            flat = {f"{name}/{key}": value for name, row in record["terms"].items() for key, value in row.items()}
            numbers = {key: value for key, value in flat.items() if isinstance(value, (int, float))}
            self.accelerator.log({"total": record["total"], **numbers}, step=record["step"])
        if self.folder and self.accelerator.is_main_process:
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(self.folder / METRICS, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(record) + "\n")

    def _save(self, bare: nn.Module, step: int) -> None:
        if not self.accelerator.is_main_process or self.folder is None:
            return
        save_state(
            self.folder / STATE,
            model=bare,
            optimizer=self.optimizer.optimizer,
            step=step,
            generators=self.generators,
            config=self._identity(),
        )

    def _resume(self, bare: nn.Module, result: TrainingResult) -> int:
        if self.folder is None or not (self.folder / STATE).exists():
            if self.folder is not None:
                (self.folder / METRICS).unlink(missing_ok=True)
            return 0
        step = load_state(
            self.folder / STATE,
            model=bare,
            optimizer=self.optimizer.optimizer,
            generators=self.generators,
            config=self._identity(),
        )
        # steps after the last state are done again: their records would stand there twice
        path = self.folder / METRICS
        kept = [line for line in path.read_text(encoding="utf-8").splitlines() if json.loads(line)["step"] <= step]
        temporary = path.with_suffix(".part")
        temporary.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
        os.replace(temporary, path)
        result.records = [json.loads(line) for line in kept]
        result.resumed_from = step
        return step

    def _identity(self) -> dict[str, Any]:
        """What a state must share with the run that resumes it; how often it is measured or saved does not matter."""
        settings = dataclasses.asdict(self.config)
        for name in ("checkpoint_every", "attribute_every", "trackers"):
            settings.pop(name)
        return {**settings, "lines": len(self.data), **self.identity}
