"""Scripts after public bugs, some of them healthy: find the line with the debugger, say it, write the test."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcheck_lm.course.language import Words, in_both
from gradcheck_lm.errors import ArgumentError, DataError

ANSWERS = "museum.toml"


@dataclass(frozen=True)
class Piece:
    """One script.

    Attributes:
        name: of its file, without the ending.
        path: where it lies.
        lines: source lines that may be named; none where it is healthy.
        finding: the code of the finding that names it; "" where it is healthy.
        after: the public threads.
        story: what is wrong, or why nothing is.
    """

    name: str
    path: Path
    lines: tuple[str, ...]
    finding: str
    after: str
    story: Words

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.lines

    def guilty(self) -> set[int]:
        """The numbers of the lines that may be named.

        Raises:
            DataError: one of them is not in the script.
        """
        source = [line.strip() for line in self.path.read_text(encoding="utf-8").splitlines()]
        if missing := [line for line in self.lines if line not in source]:
            raise in_both(
                DataError,
                ja="{answers}: {name} に {line!r} という行がありません",
                en="{answers}: {name} has no line {line!r}",
                answers=ANSWERS, name=self.name, line=missing[0],
            )  # fmt: skip
        return {number for number, line in enumerate(source, 1) if line in self.lines}


def pieces_of(course: Path, answers: Path) -> list[Piece]:
    """The scripts of a course's museum, by name, with the answers of its own museum.toml or of the one given.

    Args:
        course: the folder of lessons; its museum is the folder `museum`.
        answers: a museum.toml for pieces that lie here without one: what `init` lays out has none.
    Raises:
        DataError: a script has no answer, or an answer lacks a word.
    """
    folder = course / "museum"
    told: dict[str, Any] = {}
    for path in (answers, folder / ANSWERS):
        if path.is_file():
            try:
                told |= tomllib.loads(path.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise in_both(
                    DataError,
                    ja="{path} を読み込めません: {error}",
                    en="{path} cannot be read: {error}",
                    path=path, error=error,
                ) from None  # fmt: skip
    return [_piece(path, told.get(path.stem)) for path in sorted(folder.glob("m[0-9][0-9]_*.py"))]


def _piece(path: Path, entry: Any) -> Piece:
    try:
        lines, finding = tuple(entry["lines"]), str(entry.get("finding", ""))
        if bool(lines) != bool(finding):
            raise KeyError("finding")
        return Piece(path.stem, path, lines, finding, entry["after"], Words(entry["ja"], entry["en"]))
    except (KeyError, TypeError, AttributeError):
        raise in_both(
            DataError,
            ja="{name} には {answers} の表 [{stem}] が必要です(lines、after、en、ja と、行を挙げるなら finding)",
            en="{name} needs a table [{stem}] in {answers}, with lines, after, en and ja, and finding where lines are "
            "named",
            name=path.name, stem=path.stem, answers=path.parent / ANSWERS,
        ) from None  # fmt: skip


def find_piece(pieces: list[Piece], wanted: str) -> Piece:
    """The piece that is meant by "m03", "3" or its name.

    Raises:
        ArgumentError: none is, or there are none.
    """
    word = Path(wanted).stem.lower()
    for piece in pieces:
        if word in (piece.name, piece.name[:3], piece.name[1:3].lstrip("0")):
            return piece
    names = ", ".join(piece.name for piece in pieces)
    raise in_both(
        ArgumentError,
        ja="{wanted!r} という作品はありません。作品は次のとおりです: {names}",
        en="no piece {wanted!r}; there are {names}",
        wanted=wanted, names=Words(names or "(なし)", names or "none"),
    )  # fmt: skip
