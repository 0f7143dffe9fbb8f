"""The steps after those that are looked at whole: their losses and gradients are watched for NaN and infinity alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from gradcheck_lm.flow.findings.model import Finding
from gradcheck_lm.flow.scripts.passes.engine import Started
from gradcheck_lm.flow.scripts.passes.looks import Look
from gradcheck_lm.flow.scripts.passes.questions import Questions

SECONDS = 5.0  # of work, as a reader waits for the answer: on a busy machine the same is seen as on a quiet one
WAITED = 20.0  # and by the clock, for a script that waits for a GPU or for its lines
PASSES = 200
_STUCK = 6  # passes without a step, at the least, after which a program that skips what is not finite seems stuck
_BAD_ONES = 3  # read of those that no step follows; a GradScaler may skip many while it looks for its scale

_LASTING = 3  # losses in a row that are not finite, each with its step, though no weight is NaN yet


class Vigil:
    """Watches until a loss or a gradient is not finite, its patience is over, or the script ends.

    Args:
        questions: how a backward pass is read.
        patient: to the end, however long it takes.
    """

    def __init__(self, questions: Questions, *, patient: bool) -> None:
        self.on = False
        self._questions = questions
        self._patient = patient
        self._ends = 0.0, 0.0
        self._passes = self._bad = self._without_step = self._losses = 0
        self._most = _STUCK

    def begin(self, passes: int, findings: Iterable[Finding]) -> None:
        """From the next step on, unless something was found already: answer enough where no NaN is asked for.

        Args:
            passes: that led to the steps so far.
            findings: of these steps.
        """
        told = {finding.kind for finding in findings if finding.severity != "note"}
        enough = "non_finite" in told if self._patient else told or not PASSES
        self.on, self._ends = not enough, (time.process_time() + SECONDS, time.monotonic() + WAITED)
        self._most = max(_STUCK, 2 * passes)

    def look(self, started: Started, kept: Callable[[], str]) -> Look | None:
        """Prepare to read a backward pass; None where it is no loss's, or where enough was read."""
        if not started.accumulates or self._bad >= _BAD_ONES or not any(root.requires_grad for root in started.roots):
            return None
        return self._questions.look(started, kept(), only_finite=True)

    def is_bad(self, look: Look) -> bool:
        """Whether what a pass began with or brought is not finite."""
        assert look.own is not None
        bad = look.not_finite is not None or look.own.brought_bad()
        self._bad += bad
        self._losses = self._losses + 1 if look.not_finite is not None else 0
        look.lasts = self._losses >= _LASTING
        return bad

    def is_over(self, turn: Iterable[Look]) -> bool:
        """Asked before each pass: whether enough was watched, or what is not finite stays and nothing steps.

        Args:
            turn: the passes since the last step that were not finite.
        """
        self._passes += 1
        self._without_step += 1
        held = list(turn) if self._without_step > self._most else []
        if held and self._questions.stays_bad():
            for look in held:
                look.stuck = self._without_step - 1
            return True
        over = time.process_time() > self._ends[0] or time.monotonic() > self._ends[1]
        return not self._patient and (self._passes > PASSES or over)

    def has_stepped(self) -> None:
        """An optimizer has stepped."""
        self._without_step = self._bad = 0
