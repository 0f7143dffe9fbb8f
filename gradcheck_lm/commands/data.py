"""The options that several commands share: which lines of a data set are meant, whose logits, what reads along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from gradcheck_lm.commands.options import argument
from gradcheck_lm.lab.config import (
    BEAM,
    BONUS,
    DEVICE_HELP,
    NGRAMS,
    OK_ONLY_HELP,
    SHIPPED,
    SPLIT_HELP,
    TAGS_HELP,
    WEIGHT,
)
from gradcheck_lm.lab.settings import FUSE_HELP, LINES, RECOGNISER_HELP
from gradcheck_lm.options import NEVER, Option, option

if TYPE_CHECKING:
    from gradcheck_lm.lab.measuring.decoding import Fusing

_LINES, _LOGITS, _ALONG = "Which lines", "Of logits", "Reading along with a character n-gram"
Data = Annotated[Path, argument(f"{LINES} Or logits: .npy, .npz, .csv.", metavar="DATA")]
Recogniser = Annotated[str, Option(RECOGNISER_HELP, suggestions=(SHIPPED,))]
Json = Annotated[bool, Option("Print the result as JSON.", name="json", switch=True)]
Limit = Annotated[int | None, Option("Read only the first so many lines.", least=1, metavar="LINES", panel=_LINES)]
DropUnknown = Annotated[
    bool,
    Option("Leave characters that the recogniser cannot write out of the labels.", switch=True, panel=_LINES),
]
Device = Annotated[str | None, Option(DEVICE_HELP)]


@dataclass(frozen=True)
class Choice:
    """What was chosen of a source of lines or of logits."""

    split: str | None = option(None, SPLIT_HELP, panel=_LINES)
    ok_only: bool = option(False, OK_ONLY_HELP, switch=True, panel=_LINES)
    tags: tuple[str, ...] = option((), TAGS_HELP, name="tag", panel=_LINES)
    charset: Path | None = option(
        None,
        "A file with the characters in class order, without the blank.",
        panel=_LOGITS,
        metavar="FILE",
    )
    blank: str | None = option(
        None, "Which class is the blank; by default the first.", choices=("first", "last"), panel=_LOGITS
    )

    def of_lines(self, source: Any = "lines") -> dict[str, Any]:
        """Keywords for `open_lines`.

        Raises:
            ArgumentError: something was chosen that only logits have.
        """
        self._refuse(source, "logits", ("--charset", self.charset), ("--blank", self.blank))
        return {"split": self.split, "ok_only": self.ok_only, "tags": self.tags}

    def of_logits(self, source: Any = "logits") -> dict[str, Any]:
        """Keywords for `read_logits`.

        Raises:
            ArgumentError: something was chosen that only lines have.
        """
        self._refuse(source, "lines", ("--split", self.split), ("--ok-only", self.ok_only), ("--tag", self.tags))
        return {"charset": self.charset, "blank": self.blank or ""}

    @staticmethod
    def _refuse(source: Any, owner: str, *options: tuple[str, object]) -> None:
        from gradcheck_lm.errors import ArgumentError

        for name, value in options:
            if value:
                raise ArgumentError(f"{name} belongs to {owner}, which {source} does not hold: leave it out")


@dataclass(frozen=True)
class ReadAlong:
    """What reads along at decoding time."""

    fuse: str | None = option(
        None, f"Read along with a character n-gram: {FUSE_HELP}.", suggestions=NGRAMS, panel=_ALONG, metavar="NGRAM",
        identity="proposals",
    )  # fmt: skip
    fuse_weight: float = option(WEIGHT, "Weight of the n-gram's cost.", panel=_ALONG, identity="proposals")
    fuse_bonus: float = option(
        BONUS, "Nats that each character is given, as each costs.", panel=_ALONG, metavar="NATS", identity="proposals"
    )
    fuse_prior: float = option(
        0.0, "How much of the recogniser's own knowledge of how often each character comes is taken off.", least=0,
        panel=_ALONG, identity=NEVER,
    )  # fmt: skip
    beam: int = option(BEAM, "Readings kept at a time.", least=1, panel=_ALONG, identity=NEVER)

    def fusing(self) -> Fusing | None:
        """As the laboratory takes it; None for greedy decoding."""
        if self.fuse is None:
            return None
        from gradcheck_lm.commands.common import note
        from gradcheck_lm.lab.measuring.decoding import Fusing

        note(f"loading the n-gram {self.fuse}" + (" (made at its first use, in about 15 s)" * (self.fuse == "ngram")))
        return Fusing(self.fuse, self.fuse_weight, self.fuse_bonus, self.beam, self.fuse_prior)
