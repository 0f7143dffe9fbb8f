"""When to stop adapting: the language model is pleased, and the reading is no longer the recogniser's own."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gradcheck_lm.errors import CheckpointError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.checkpoint import load_checkpoint, save_checkpoint
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.htr.ctc import greedy_decode, sample_paths, spell_paths
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.machine.processes import on_main
from gradcheck_lm.lab.measuring.metrics import character_errors
from gradcheck_lm.lab.measuring.reading import nats_per_character
from gradcheck_lm.lab.settings import StopRule as StopRule
from gradcheck_lm.lab.training.terms import anchor_term
from gradcheck_lm.lm import AnyLanguageModel

KEPT = "kept-{}.safetensors"  # by the number of its look
DRAWS = 4  # sampled readings of a line, to see how much the recogniser doubts what it reads


class DriftWatch:
    """Looks at a recogniser while it adapts, and keeps the best one within the limits on disk.

    It is a Trainer's `probe` (the figures go into metrics.jsonl, so that a run that goes on knows them) and `stop`.

    Args:
        start: the recogniser before adaptation.
        data: the lines adapted on; labels are not looked at.
        folder: where the best one so far goes.
    """

    def __init__(
        self,
        start: CRNN,
        charset: Charset,
        data: LineData,
        language_model: AnyLanguageModel,
        rule: StopRule,
        folder: str | Path,
        *,
        seed: int = 0,
    ) -> None:
        self.start = copy.deepcopy(start).eval()
        self.charset, self.data, self.language_model, self.rule = charset, data, language_model, rule
        self.folder = Path(folder)
        count = min(rule.lines, len(data))
        self.picked = [i * len(data) // count for i in range(count)]
        self.entropy, self.doubt = self._start_figures(seed)
        self.looks: list[dict[str, float]] = [self.look(self.start)]
        self._seen = 0  # records, and
        self._found: list[dict[str, float]] = []  # the looks in them

    @torch.no_grad()
    def _start_figures(self, seed: int) -> tuple[float, float]:
        """Of the start: entropy of the posteriors in nats per character read, and the share of doubted characters."""
        generator = torch.Generator().manual_seed(seed)
        entropy, readings, drawn = 0.0, [], []
        for logits in self._logits(self.start):
            log_p = logits.float().log_softmax(-1)
            entropy -= float((log_p.exp() * log_p).sum())
            texts = greedy_decode(logits, self.charset)
            readings += texts * DRAWS
            paths = sample_paths(logits, DRAWS, generator=generator)  # (T, K, N): string k * N + n is of line n
            drawn += spell_paths(paths.flatten(1), self.charset)
        characters = sum(map(len, readings)) / DRAWS
        return entropy / max(1.0, characters), character_errors(readings, drawn).rate

    def _logits(self, model: nn.Module) -> Any:
        device = next(model.parameters()).device
        for place in range(0, len(self.picked), 32):
            yield model(self.data.take(self.picked[place : place + 32], device).images)

    @torch.no_grad()
    def look(self, model: nn.Module) -> dict[str, float]:
        """The figures of one look; no random numbers are drawn."""
        training = model.training
        model.eval()
        before: list[str] = []
        after: list[str] = []
        divergence = 0.0
        for old, new in zip(self._logits(self.start), self._logits(model), strict=True):
            divergence += float(anchor_term(new, old, 1))
            before += greedy_decode(old, self.charset)
            after += greedy_decode(new, self.charset)
        model.train(training)
        changed = character_errors(before, after).rate
        tiny = 1e-6  # a recogniser that doubts nothing may change nothing
        return {
            "lm": nats_per_character(self.language_model, after),
            "drift": divergence / max(1, sum(map(len, before))) / max(self.entropy, tiny),
            "change": changed / max(self.doubt, tiny),
            "changed": changed,
        }

    def probe(self, model: nn.Module) -> dict[str, float]:
        """Look, and keep this recogniser where it is the best so far."""
        figures = self.look(model)
        before = self.rule.best(self.looks)
        self.looks.append(figures)
        best = len(self.looks) - 1
        if self.rule.best(self.looks) == best:
            on_main(lambda: self._keep(model, best, before))
        return figures

    def _keep(self, model: nn.Module, best: int, before: int) -> None:
        assert isinstance(model, CRNN)
        save_checkpoint(model, self.charset, self.folder / KEPT.format(best))
        for old in self.folder.glob(KEPT.format("*")):
            # the one before stays: a killed run goes on from a state before this look, and may see it otherwise
            if old.name not in (KEPT.format(best), KEPT.format(before)):
                old.unlink()

    def stop(self, records: list[dict[str, Any]]) -> str | None:
        """Why to end after these records; called once a step, it looks at each record once."""
        if len(records) < self._seen:  # of another run
            self._seen, self._found = 0, []
        self._found += [record["probe"] for record in records[self._seen :] if "probe" in record]
        self._seen = len(records)
        self.looks[1:] = self._found
        return self.rule.verdict(self.looks)

    def kept(self) -> CRNN | None:
        """The recogniser of the best look within the limits; None where that is the start."""
        best = self.rule.best(self.looks)
        if best == 0:
            return None
        path = self.folder / KEPT.format(best)
        if not path.exists():
            raise CheckpointError(f"{path}, the best recogniser of this run, is gone: adapt into another --out")
        return load_checkpoint(path)[0]

    def report(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        """For JSON: why the run ended early (None where it did not), the step kept (0: the start), and the looks."""
        steps = [0, *(record["step"] for record in records if "probe" in record)]
        return {
            "stopped": self.rule.verdict(self.looks),
            "steps_done": records[-1]["step"] if records else 0,
            "kept_step": steps[self.rule.best(self.looks)],
            "start_entropy": self.entropy,
            "start_doubt": self.doubt,
            "looks": [{"step": step, **look} for step, look in zip(steps, self.looks, strict=True)],
        }
