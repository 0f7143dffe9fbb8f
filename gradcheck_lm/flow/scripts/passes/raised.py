"""Backward passes that raised: explained while all that they were about is still there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gradcheck_lm.flow.asking.cuts.drafts import Chain
from gradcheck_lm.flow.asking.evidence.scene import Passed, Written
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.findings.notes import SCRIPT_ENDS
from gradcheck_lm.flow.gradients.passes.own_pass import OwnPass
from gradcheck_lm.flow.scripts.passes.book import Book
from gradcheck_lm.flow.scripts.passes.engine import Started
from gradcheck_lm.flow.scripts.passes.looks import Answer, plain
from gradcheck_lm.flow.scripts.passes.none_gradients import is_about_none, read_without_gradient, why_none
from gradcheck_lm.flow.scripts.passes.questions import Questions
from gradcheck_lm.flow.scripts.passes.refused import NO_GRAPH, Refused, can_be_told, roots_of
from gradcheck_lm.flow.scripts.watched.naming import parameters_of
from gradcheck_lm.flow.scripts.watched.players import Optimizer
from gradcheck_lm.flow.scripts.watched.recorder import ScriptRecorder
from gradcheck_lm.flow.watching.sites import Site, line_of
from gradcheck_lm.flow.watching.tensors import SEQUENCE

_TOLD = 3  # errors that the script catches itself are explained so often


class Raised:
    """What autograd refused in one script.

    Args:
        questions: asks why.
        book: takes the answers.
        guarded: does something and gives None where that fails.
    """

    def __init__(self, questions: Questions, book: Book, guarded: Callable[[Callable[[], Any]], Any]) -> None:
        self._questions, self._book, self._guarded = questions, book, guarded
        self.passed: list[Passed] = []
        self.written: list[Written] = []
        self._last: Refused | None = None  # the last backward pass, where it raised
        self._told: list[tuple[tuple[str, int], Diagnosis]] = []

    def has_passed(self, started: Started) -> None:
        """A backward pass of the script came to its end, and has freed its graph."""
        self.passed = [*self.passed[-3:], Passed(started.site, SEQUENCE() if SEQUENCE is not None else 0)]

    def has_written(self, optimizer: Optimizer, recorder: ScriptRecorder, site: Site | None) -> None:
        """An optimizer has stepped: it wrote new values into its tensors."""
        parameters = parameters_of(optimizer)
        tokens = frozenset(token for one in parameters if (token := recorder.token_of(one)) is not None)
        title = f"torch.optim.{type(optimizer).__name__}.step"
        leaves = frozenset(map(id, parameters))
        self.written.append(Written(len(recorder.recording.calls), site, tokens, title, leaves))

    def start_again(self) -> None:
        """The recording starts again: of what was written before it only the lines are known."""
        self.written = [replace(one, call=-1, tokens=frozenset()) for one in self.written[-4:]]

    def forget(self) -> None:
        """Another pass begins: the script has caught the error of the last one."""
        self._last = None

    def tell(self, error: RuntimeError, started: Started, own: OwnPass | None, kept: str) -> None:
        """Explain a pass that raised at once: if the script goes on, what it was about is soon out of sight."""
        self._last = refused = Refused(error, started.roots, started.site, own, kept, asked=started.inputs)
        if can_be_told(error) and NO_GRAPH not in str(error) and len(self._told) < _TOLD:
            found = self._ask(refused)
            if found is not None:
                refused.told = True
                self._told.append((refused.place, found))

    def explain(self, error: BaseException, kept: str) -> bool:
        """Diagnose an error that ended the script; whether it could be told by the script's lines."""
        if is_about_none(error):
            return self._explain_none(error)
        if not can_be_told(error):
            return False
        known = self._last if self._last is not None and self._last.error is error else None
        before = self._book.last_at(known.place) if known is not None and NO_GRAPH in str(error) else None
        if before is not None and not before.diagnosis.ok:
            return True  # told before autograd refused it; one that is well is of an earlier training, by the same line
        refused = known or Refused(error, roots_of(error), None, kept=kept)
        found = self._told.pop()[1] if refused.told else self._ask(refused)
        if found is None:
            return False
        self._book.put_first(Answer(found, refused.place, {}, stepped=False))
        return True

    def _explain_none(self, error: BaseException) -> bool:
        """Of an error about None, where that was a gradient."""
        found: Answer | None = self._guarded(lambda: self._none(error))
        if found is not None:
            self._book.put_first(found)
        return found is not None

    def _none(self, error: BaseException) -> Answer | None:
        read = read_without_gradient(error)
        if read is None:
            return None
        recorder = self._questions.recorder
        chain = Chain(recorder.recording)
        chain.put(why_none(read, recorder, recorder.watcher), key=("none",))
        finding = chain.findings()[0][1]
        note = SCRIPT_ENDS.told(error=f"{type(error).__name__}: {error}")
        return Answer(plain([finding], {}, (), [note]), line_of(read.site), {}, stepped=False)

    def caught(self) -> None:
        """Errors that the script caught itself are told as warnings."""
        for place, found in self._told:
            findings = tuple(replace(finding, severity="warning") for finding in found.findings)
            found = replace(found, ok=True, terms={}, findings=findings)
            self._book.add(("caught", place), Answer(found, place, {}, stepped=False))

    def _ask(self, refused: Refused) -> Diagnosis | None:
        found: Diagnosis | None = self._guarded(lambda: self._questions.refused(refused, self.passed, self.written))
        return found
