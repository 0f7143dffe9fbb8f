"""The museum: the debugger names a line that may be named, healthy pieces get no finding, and answers are kept."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest
from course_folder import FOLDERS, LESSONS
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.course.folder.progress import Progress
from gradcheck_lm.course.folder.shelf import lay_out
from gradcheck_lm.course.museum import ANSWERS, Piece, find_piece, pieces_of
from gradcheck_lm.course.publishing.narration import Pair, faults
from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.flow.scripts.runner import watch_script

PIECES = pieces_of(LESSONS, LESSONS / "museum" / ANSWERS)
every_piece = pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    lay_out(tmp_path / "mine")
    return tmp_path / "mine"


def call(course: Path, *arguments: str, lang: str = "en") -> tuple[int, str]:
    settings = {"COLUMNS": "120", "GRADCHECK_LM_LANG": lang, "GRADCHECK_LM_LESSONS": str(course)}
    result = CliRunner().invoke(app, ["lessons", *arguments], env=settings)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_there_are_ten_and_some_are_healthy() -> None:
    assert len(PIECES) == 10
    assert sum(piece.healthy for piece in PIECES) == 2
    assert len({piece.finding for piece in PIECES}) >= 7


@every_piece
def test_the_debugger_names_the_line(piece: Piece) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        seen = watch_script(piece.path)
    findings = [one for _, diagnosis in seen.losses for one in diagnosis.findings if one.severity != "note"]
    assert [one.code for one in findings] == ([] if piece.healthy else [piece.finding])
    assert all(one.line in piece.guilty() for one in findings)


@every_piece
def test_a_piece_gives_nothing_away(piece: Piece) -> None:
    text = piece.path.read_text(encoding="utf-8")
    assert 60 <= text.count("\n") <= 120
    assert not [word for word in ("TODO", "FIXME", "BUG", "CAUSE", "HEALTHY", "GF") if word in text]
    assert [fault for fault in faults(Pair(ANSWERS, 0, "hint", ja=piece.story.ja, en=piece.story.en))] == []


def test_an_answer_right_or_wrong_is_counted(course: Path) -> None:
    piece = next(one for one in PIECES if one.finding == "GF706")
    (line,) = piece.guilty()
    code, out = call(course, "museum", piece.name[:3], "--line", str(line - 1))
    assert (code, "That is not it" in out, piece.story.en[:30] in out) == (1, True, False)
    code, out = call(course, "museum", piece.name, "--healthy")
    assert code == 1
    code, out = call(course, "museum", "3", "--line", str(line))
    assert code == 0
    assert piece.story.en[:30] in out
    assert "write the test" in out
    assert Progress(course).named(piece.name) == (3, True)
    assert "発見" in call(course, "museum", lang="ja")[1]
    healthy = next(one for one in PIECES if one.healthy)
    assert call(course, "museum", healthy.name, "--line", "5")[0] == 1
    assert call(course, "museum", healthy.name, "--healthy")[0] == 0
    assert call(course, "museum", healthy.name, "--healthy", "--line", "5")[0] == 2
    assert "--healthy" in call(course, "museum", healthy.name)[1]


def test_what_is_laid_out_holds_no_answers_and_a_team_adds_its_own(course: Path) -> None:
    folder = course / "museum"
    assert sorted(path.name for path in folder.iterdir()) == [piece.path.name for piece in PIECES]
    mine = folder / "m11_ours.py"
    mine.write_text("x = 1\ny = x\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"m11_ours.py needs a table \[m11_ours\]"):
        pieces_of(course, LESSONS / "museum" / ANSWERS)
    (folder / ANSWERS).write_text(
        '[m11_ours]\nlines = ["y = x"]\nfinding = "GF101"\nafter = "us"\nen = "Ours."\nja = "私たちの例です。"\n',
        encoding="utf-8",
    )
    pieces = pieces_of(course, LESSONS / "museum" / ANSWERS)
    assert find_piece(pieces, "11").guilty() == {2}
    assert call(course, "museum", "m11", "--line", "2")[0] == 0
    mine.write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(DataError, match="m11_ours has no line 'y = x'"):
        find_piece(pieces, "m11").guilty()
    with pytest.raises(ArgumentError, match="no piece 'm12'; there are m01_fine_tune"):
        find_piece(pieces, "m12")


def test_a_report_for_whoever_teaches(course: Path) -> None:
    progress = Progress(course)
    first, second = (folder.name for folder in FOLDERS[:2])
    progress.mark_checked(first, passed=True)
    progress.mark_checked(second, passed=False)
    progress.mark_hints(second, 2)
    progress.mark_guess(first, "a", right=False)
    progress.mark_named("m01_fine_tune", right=True)
    row = json.loads(call(course, "report", "--json")[1])["learners"][0]
    assert row["passed"] == [first]
    assert row["stuck"] == [second[:3]]
    assert (row["hints"], row["predictions"], row["predicted_right"], row["museum"], row["found"]) == (2, 1, 0, 10, 1)
    code, out = call(course, "report", str(course), str(course))
    assert code == 0
    assert out.count(f"1/{len(FOLDERS)}") == 2
    assert call(course, "report", str(course / "museum"))[0] == 2
