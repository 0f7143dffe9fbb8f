"""The backward passes since the last steps: only once those are taken is it known for whom each was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import torch

from gradcheck_lm.flow.scripts.passes.book import Book
from gradcheck_lm.flow.scripts.passes.looks import Look
from gradcheck_lm.flow.scripts.passes.questions import Questions
from gradcheck_lm.flow.scripts.program.guard import Guard

PER_LINE = 2  # micro-batches are alike


class Turn:
    """Holds looks until their optimizers have stepped, and then answers them.

    Args:
        questions: how a look is answered.
        book: where the answers go.
        guarded: around each of them.
    """

    def __init__(self, questions: Questions, book: Book, guarded: Guard) -> None:
        self._questions, self._book, self._guarded = questions, book, guarded
        self._looks: list[Look] = []
        self._by_line: Counter[tuple[str, int]] = Counter()

    def __len__(self) -> int:
        return len(self._looks)

    def __iter__(self) -> Iterator[Look]:
        return iter(self._looks)

    @property
    def newest(self) -> Look:
        """The last pass that was looked at."""
        return self._looks[-1]

    def append(self, look: Look) -> None:
        """Hold a look."""
        self._looks.append(look)

    def is_full(self, place: tuple[str, int]) -> bool:
        """Whether enough passes that a line calls are looked at."""
        return self._by_line[place] >= PER_LINE

    def count(self, place: tuple[str, int]) -> None:
        """A line calls a pass that is looked at."""
        self._by_line[place] += 1

    def skipped(self) -> None:
        """A GradScaler has skipped its step: the passes after it are looked at as if these had not been."""
        self._by_line.clear()

    def stepped_by(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer has stepped after these passes."""
        for look in self._looks:
            if all(one is not optimizer for one in look.steppers):
                look.steppers.append(optimizer)

    def close(self) -> None:
        """The steps are over."""
        looks, self._looks = self._looks, []
        self._by_line.clear()
        for look in looks:
            self._guarded(lambda look=look: self.answer(look))  # type: ignore[misc]

    def answer(self, look: Look) -> None:
        """Ask about one pass now, and note what is found."""
        players = self._questions.players
        if not any(root.requires_grad for root in look.started.roots) and (fresh := players.unused()):
            look.steppers = fresh  # a training that never began, by a line that has trained others
        before = self._book.stepped_at(look.place)
        if look.stuck and before is not None:
            look.steppers = before.alive()
        if not look.steppers and players.waits_for_one_to_come():
            return  # between two trainings, or after them: it is for none of the optimizers
        if not look.steppers and before is not None:
            look.steppers = before.alive()  # the script ends between backward() and step(): for whom it is, is known
            if not look.steppers:
                return  # and they are gone
        answer = self._questions.concluded(look)
        key = (look.place, tuple(sorted(players.number(one) for one in look.steppers)))
        self._book.add(key, answer)
