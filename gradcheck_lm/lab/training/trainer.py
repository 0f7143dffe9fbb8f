"""The instrumented trainer: every step it can say what each term of the loss did to each module."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from gradcheck_lm.draw.words import few
from gradcheck_lm.errors import ArgumentError, GradcheckLMError, RunError, RunStopped
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.folder.metrics_file import METRICS
from gradcheck_lm.lab.folder.run_folder import STATE, RunFolder
from gradcheck_lm.lab.folder.state import random_state, seed_all, set_random_state
from gradcheck_lm.lab.folder.stop_signals import StopSignals, name_of
from gradcheck_lm.lab.lines.batches import BatchMaker
from gradcheck_lm.lab.lines.data import Batch, LineData
from gradcheck_lm.lab.lines.prefetch import Prefetch, workers_for
from gradcheck_lm.lab.machine.accelerators import make_accelerator
from gradcheck_lm.lab.machine.compiled import check_compile, compiled_convolutions
from gradcheck_lm.lab.machine.deterministic import deterministic
from gradcheck_lm.lab.machine.fault import bad_gradient, find_fault
from gradcheck_lm.lab.machine.graphs import Graphs, check_graphs, graphed
from gradcheck_lm.lab.machine.memory import peak_memory_mb, reset_peak_memory
from gradcheck_lm.lab.machine.optimizers import make_optimizer
from gradcheck_lm.lab.machine.processes import agree, gathered
from gradcheck_lm.lab.training.step_record import StepNumbers, describe, gradient_norm, measure_gradients, read_numbers
from gradcheck_lm.lab.training.terms import TermFunction
from gradcheck_lm.lab.training.training_result import TrainingResult
from gradcheck_lm.lab.training.worked_out import worked_out
from gradcheck_lm.options import identity_of

__all__ = ["METRICS", "STATE", "Trainer", "TrainingResult", "make_accelerator"]


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
        stop: from all records so far to a reason to end early, or None; must depend on the records alone.
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
        stop: Callable[[list[dict[str, Any]]], str | None] | None = None,
        on_step: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.config = config
        self.terms = terms
        self.data = data
        self.accelerator = accelerator or make_accelerator(config, folder)
        if config.batch_size < self.accelerator.num_processes:
            raise ArgumentError(
                f"batch_size is {config.batch_size} for {self.accelerator.num_processes} processes: it counts the "
                "lines of all of them together, and each needs at least one"
            )
        if config.compile:
            check_compile(model)
        if config.graphs:
            check_graphs(self.accelerator.device, buckets=data.buckets, processes=self.accelerator.num_processes)
        self.graphs: Graphs | None = None
        optimizer = make_optimizer(model, config, self.accelerator.device)
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.bare = self.accelerator.unwrap_model(self.model)
        self.identity = identity or {}
        self.probe, self.probe_every = probe, probe_every
        self.stop, self.on_step = stop, on_step
        self.folder = None
        if folder is not None:
            self.folder = RunFolder(
                folder, model=self.bare, optimizer=self.optimizer.optimizer, generators=generators or {},
                scaler=self.accelerator.scaler, identity=self._identity(),
            )  # fmt: skip

    def run(self, *, until: int | None = None, resume: bool = True) -> TrainingResult:
        """Train up to `until` steps (default: all), going on from the folder's state where there is one.

        Raises:
            RunError: the loss or a gradient is not a number, the lines can no longer be read, the disk refuses, or
                another run holds the folder; the last good state is kept.
            RunStopped: SIGTERM or Ctrl-C; the step was finished and its state saved.
        """
        try:
            with deterministic(self.config.deterministic):
                if self.folder is None:
                    return self._run(until, resume, None)
                with self.folder.locked(), StopSignals() as signals:
                    return self._run(until, resume, signals)
        finally:
            if self.config.trackers:
                self.accelerator.end_training()

    def _run(self, until: int | None, resume: bool, signals: StopSignals | None) -> TrainingResult:
        config, result = self.config, TrainingResult()
        start = self._start(result, resume)
        last = min(config.steps, until or config.steps)
        accelerator = self.accelerator
        make = BatchMaker(
            self.data, config, device=accelerator.device, process=(accelerator.process_index, accelerator.num_processes)
        )
        workers = workers_for(self.data, config.workers, accelerator.device)
        with (
            # nothing may use a GPU from another thread while a step is captured
            Prefetch(make, range(start, last), ahead=config.prefetch, workers=workers, later=config.graphs) as batches,
            compiled_convolutions(self.bare, config.compile),
            graphed(self.bare, config.graphs) as self.graphs,
        ):
            self._steps(start, last, batches, result, signals)
        if self.folder and result.records:
            self.folder.save(result.records[-1]["step"])
        return result

    def _steps(
        self, start: int, last: int, batches: Prefetch[Batch], result: TrainingResult, signals: StopSignals | None
    ) -> None:
        config = self.config
        for step in range(start, last):
            if self.stop and (reason := self.stop(result.records)):
                result.stopped = reason
                break
            began = time.perf_counter()
            batch = self._batch(step, batches)
            record = self.step(step, batch)
            if self.graphs is not None and self.graphs.ready:
                batches.start()
            record["seconds"] = round(time.perf_counter() - began, 4)
            record["data_wait"] = round(batches.waited, 4)
            record["peak_memory_mb"] = round(peak_memory_mb(self.accelerator.device), 1)
            if self.probe and self.probe_every and ((step + 1) % self.probe_every == 0 or step + 1 == config.steps):
                record["probe"] = self.probe(self.bare)
            result.records.append(record)
            self._write(record)
            if self.on_step:
                self.on_step(record)
            leaving = max(gathered(signals.number)) if signals else 0
            due = config.checkpoint_every and (step + 1) % config.checkpoint_every == 0
            if self.folder and (due or leaving or step + 1 == last):
                self.folder.save(step + 1)
            if self.folder and leaving and step + 1 < last:
                raise RunStopped(
                    f"stopped by {name_of(leaving)} after step {step + 1} of {config.steps}; the state is in "
                    f"{self.folder.path}: give the same command to go on from it",
                    leaving,
                )

    def _start(self, result: TrainingResult, resume: bool) -> int:
        """The step to begin with, everything in its place for it."""
        config, start = self.config, 0
        reset_peak_memory(self.accelerator.device)
        seed_all(config.seed, process=self.accelerator.process_index)
        if self.folder and resume:
            start, result.records = self.folder.resume()
            result.resumed_from = start
        self.model.train(config.train_mode)
        if config.trackers and not start:
            self.accelerator.init_trackers("gradcheck_lm", config=json.loads(json.dumps(dataclasses.asdict(config))))
        return start

    def step(self, step: int, batch: Batch) -> dict[str, Any]:
        """One step, counted from 0, on its batch: loss, gradients, update. Gives its record; raises as `run`."""
        config, accelerator = self.config, self.accelerator
        rate = config.rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        before = random_state(accelerator.device)
        measured = config.attribute_every > 0 and step % config.attribute_every == 0
        if self.graphs is not None:
            self.graphs.begin(measured=measured)
        try:
            with accelerator.autocast():
                found = self.terms(self.model, batch)
        except ArgumentError as error:  # a penalty refuses logits that are no numbers, and cannot know whose they are
            problem = self._fault(batch, before)
            if problem is None:
                raise
            raise self._not_a_number(step, batch, "the loss cannot be computed", "", problem) from error
        gradients: dict[str, dict[str, Any]] = {}
        total = found.total
        if measured:
            self._check_loss(step, batch, read_numbers(found, total), before)
            found = worked_out(found, scaled=accelerator.scaler is not None)
            total = found.total
            gradients = measure_gradients(found, self.bare)
        self.optimizer.zero_grad(set_to_none=True)
        if total.requires_grad:
            accelerator.backward(total)
        # none with fp16, whose scaler leaves a bad step out and tries a smaller scale
        norm = gradient_norm(self.model) if total.requires_grad and accelerator.scaler is None else None
        read = read_numbers(found, total, norm)  # waits for a GPU, whose backward pass is on its way
        self._check_loss(step, batch, read, before)
        if total.requires_grad:
            self._check_gradient(step, batch, norm, read.norm)
            self.optimizer.step()
        return describe(step, rate, found, read, gradients)

    def _check_loss(self, step: int, batch: Batch, read: StepNumbers, before: Mapping[str, torch.Tensor]) -> None:
        """Stop where the loss is no number."""
        loss = read.total
        if math.isfinite(loss):
            return
        bad = [name for name, value in read.terms.items() if not math.isfinite(value)]
        problem = self._fault(batch, before) or (
            f"pictures, weights and all modules' outputs are finite: the term {' and '.join(bad)} itself is not"
        )
        raise self._not_a_number(step, batch, f"the loss is {loss}", ", ".join(bad), problem)

    def _batch(self, step: int, batches: Prefetch[Batch]) -> Batch:
        """This process's lines of a step; where one process cannot read its own, all stop."""
        problem: Exception | None = None
        try:
            batch = batches.take(step)
        except (OSError, GradcheckLMError) as error:
            problem = error
        failed = [number for number, text in enumerate(gathered(problem and str(problem))) if text is not None]
        if failed:
            with contextlib.suppress(RunError):  # the weights are good; where they cannot be saved the text says so
                if self.folder and step:
                    self.folder.save(step)
            told = f". {self.folder.kept}; make the lines readable and give the same command" if self.folder else ""
            agree(RunError(f"step {step + 1}: the lines cannot be read: {problem}{told}") if problem else None)
        return batch

    def _check_gradient(self, step: int, batch: Batch, norm: torch.Tensor | None, read: float | None) -> None:
        """Clip, and stop before a gradient that is no number gets into the weights."""
        parameters, limit = list(self.model.parameters()), self.config.clip_norm
        if norm is None or read is None:
            if limit:
                self.accelerator.clip_grad_norm_(parameters, limit)
            return
        if not math.isfinite(read):
            where = f"first bad in the backward pass: {bad_gradient(self.bare)}"
            raise self._not_a_number(step, batch, f"the gradient's norm is {read}", "", where)
        if limit:  # only now: clipping by a norm that is no number would spread it to every parameter
            torch.nn.utils.clip_grads_with_norm_(parameters, limit, norm)

    def _fault(self, batch: Batch, before: Mapping[str, torch.Tensor]) -> str | None:
        """In words, where a forward pass of this batch goes wrong, with the dropout that it went wrong with."""
        set_random_state(before)
        with self.accelerator.autocast():
            found = find_fault(self.bare, batch.images)
        if found is None:
            return None
        lines = [self.data.names[batch.indices[i]] for i in found.lines]
        return f"first bad: {found.where}, for {len(lines)} of {len(batch.indices)} lines ({few(lines)})"

    def _not_a_number(self, step: int, batch: Batch, what: str, terms: str = "", where: str = "") -> RunError:
        inside = f"terms: {terms}; " * bool(terms) + f"lines {few([self.data.names[i] for i in batch.indices])}"
        kept = f" {self.folder.kept}." if self.folder else ""
        return RunError(
            f"step {step + 1}: {what} ({inside}){'; ' if where else ''}{where}.{kept} Lower the learning rate "
            f"({self.config.rate(step):.2g}) or look at these lines"
        )

    def _write(self, record: dict[str, Any]) -> None:
        if self.config.trackers:
            flat = {f"{name}/{key}": value for name, row in record["terms"].items() for key, value in row.items()}
            numbers = {key: value for key, value in flat.items() if isinstance(value, (int, float))}
            self.accelerator.log({"total": record["total"], **numbers}, step=record["step"])
        if self.folder:
            self.folder.append(record)

    def _identity(self) -> dict[str, Any]:
        """What a state must share with the run that resumes it; how often it is measured or saved does not matter."""
        settings = identity_of(self.config)
        if self.accelerator.device.type == "cpu":
            settings.pop("deterministic", None)  # on a processor the bits are the same without
        buckets = {"buckets": self.data.buckets} if self.data.buckets else {}
        return {**settings, **buckets, "lines": len(self.data), **self.identity}
