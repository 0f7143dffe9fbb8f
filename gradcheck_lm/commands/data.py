"""The options that several commands share: which lines of a data set are meant, whose logits, what reads along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

LINES = (
    "A folder with labels.tsv (file, tab, text), of IAM, of PAGE-XML or ALTO pages, of images with .txt beside them, "
    "or a data set on the hub (owner/name): docs/data.md has them all."
)
Data = Annotated[Path, typer.Argument(help=f"{LINES} Or logits: .npy, .npz, .csv.")]
Split = Annotated[
    str | None,
    typer.Option(help="The part to take: of IAM a file with ids of forms or lines, of the hub's layouts 'train', ..."),
]
OkOnly = Annotated[bool, typer.Option("--ok-only", help="Of IAM, leave out lines with the flag 'err'.")]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", help="Of pages, take lines with this tag; '!TAG' leaves them out. Repeatable."),
]
CharsetFile = Annotated[
    Path | None,
    typer.Option("--charset", help="Of logits, a file with the characters in class order, without the blank."),
]
Blank = Annotated[str, typer.Option(help="Of logits, which class is the blank: 'first' (the default) or 'last'.")]

FuseName = Annotated[
    str | None,
    typer.Option("--fuse", help="Read along with a character n-gram: 'ngram', or a folder that `train-ngram` made."),
]
FuseWeight = Annotated[float, typer.Option("--fuse-weight", help="Weight of the n-gram's cost.")]
FuseBonus = Annotated[float, typer.Option("--fuse-bonus", help="Nats that each character is given, as each costs.")]
Beam = Annotated[int, typer.Option(help="Of --fuse: readings kept at a time.", min=1)]


@dataclass(frozen=True)
class Choice:
    """What was chosen of a source of lines or of logits."""

    split: str | None = None
    ok_only: bool = False
    tags: tuple[str, ...] = ()
    charset: Path | None = None
    blank: str = ""

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
        return {"charset": self.charset, "blank": self.blank}

    @staticmethod
    def _refuse(source: Any, owner: str, *options: tuple[str, object]) -> None:
        from gradcheck_lm.errors import ArgumentError

        for option, value in options:
            if value:
                raise ArgumentError(f"{option} belongs to {owner}, which {source} does not hold: leave it out")


def choose(
    split: str | None, ok_only: bool, tags: list[str] | None, charset: Path | None = None, blank: str = ""
) -> Choice:
    """The options as a command gets them."""
    return Choice(split, ok_only, tuple(tags or ()), charset, blank)
