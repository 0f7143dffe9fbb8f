"""One kind of finding as its file in kinds/ describes it: what is said of it, how it is bridged, two programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradcheck_lm.flow.findings.messages import Text


@dataclass(frozen=True)
class Wording:
    """What a finding says in one language."""

    title: str
    why: str
    cures: tuple[str, ...]


@dataclass(frozen=True)
class Cause:
    """One way in which a kind comes about: why no gradient comes through, and what helps in this very case.

    `id` is unique within its kind. `operations` are the torch functions, by their names in operations/names, at which
    a kind comes about in this way.
    """

    id: str
    why: Text
    cures: tuple[Text, ...]
    operations: frozenset[str] = frozenset()

    @property
    def fields(self) -> frozenset[str]:
        """The names of the values that its sentences want."""
        return self.why.fields.union(*(cure.fields for cure in self.cures))


@dataclass(frozen=True)
class Bridge:
    """How `what_if` leads a gradient past such a cut, or why it cannot."""

    how: Text | None = None
    cannot: Text | None = None
    at_the_operation: bool = False  # straight-through: the operation's own value, with a gradient of its input


NOT_CUT = Bridge(
    cannot=Text(
        "no gradient is cut here: it is made, and what becomes of it is the fault",
        "ここで勾配は切れていません。勾配は作られており、その後の扱いが誤りです",
    )
)


@dataclass(frozen=True)
class Kind:
    """One way in which a gradient, or a step, is lost.

    `code` is stable for ever and never reused; `since` is the version that first had it; `lesson` names the course's
    lesson on it. `about` is what is said where nothing more exact is known, and wants no values; `causes` are more
    exact. EXAMPLE gives this finding and INSTEAD gives none: each defines `loss` and `model` (or a dict `wrt`), and
    with asked_by "diagnose_step" `step`, `model` and `optimizer`; with "run" the same, where what comes before the
    first step matters as well; "two ranks": a script for torchrun.
    """

    code: str
    name: str
    since: str
    lesson: str
    heading: Text
    about: Cause
    example: str
    instead: str
    causes: tuple[Cause, ...] = ()
    bridge: Bridge = NOT_CUT
    severity: str = "error"  # "error" | "warning"
    noted: bool = False  # told as a note where another way is live
    asked_by: str = "diagnose"
    decided: bool = True  # False: the code is given and nothing looks for it yet

    @property
    def title(self) -> str:
        """A few words, in English."""
        return self.heading.say()

    @property
    def why(self) -> str:
        """Why it stops a gradient, in English."""
        return self.about.why.say()

    @property
    def cures(self) -> tuple[str, ...]:
        """What to use instead, in English."""
        return tuple(cure.say() for cure in self.about.cures)

    def cause(self, name: str = "") -> Cause:
        """One of its causes; "" is what is said where nothing more exact is known.

        "one/two" is the why of one with the cures of two: what happened, and what helps at this operation.

        Raises:
            KeyError: there is no such cause.
        """
        why, _, cures = name.partition("/")
        told = self._written(why)
        return Cause(name, told.why, self._written(cures).cures) if cures else told

    def _written(self, name: str) -> Cause:
        for cause in (self.about, *self.causes):
            if cause.id == name:
                return cause
        raise KeyError(f"{self.code} {self.name} has no cause {name!r}; it has {[cause.id for cause in self.causes]}")

    def cause_at(self, operation: str) -> str:
        """The id of the cause that fits a torch function, "" where none does."""
        return next((cause.id for cause in self.causes if operation in cause.operations), "")

    def say(self, cause: str = "", values: Mapping[str, str] | None = None, language: str = "en") -> Wording:
        """Title, why and cures of one cause in one language.

        Raises:
            KeyError: there is no such cause, or it wants a value that is not given.
        """
        told = self.cause(cause)
        return Wording(
            self.heading.say(language),
            told.why.say(language, values),
            tuple(cure.say(language, values) for cure in told.cures),
        )


def about(why: Text, *cures: Text) -> Cause:
    """What is said of a kind where nothing more exact is known."""
    return Cause("", why, cures)
