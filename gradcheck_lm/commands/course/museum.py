"""`lessons museum` and `lessons report`: scripts after public bugs, and how far a class has come."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradcheck_lm.commands.common import show_json
from gradcheck_lm.commands.course.lessons import Language, course_and_progress, voice_of
from gradcheck_lm.commands.options import argument
from gradcheck_lm.options import Option

if TYPE_CHECKING:
    from gradcheck_lm.course.folder.progress import Progress
    from gradcheck_lm.course.museum import Piece
    from gradcheck_lm.course.say import Voice


def museum(
    name: Annotated[
        str, argument("m03, 3 or the whole name; all of them by default. / 番号か名前", metavar="[NAME]")
    ] = "",
    line: Annotated[int | None, Option("The line that is to blame. / 原因の行")] = None,
    healthy: Annotated[bool, Option("Nothing is wrong with it. / どこも悪くない", switch=True)] = False,
    lang: Language = None,
) -> None:
    """Scripts after public bugs, some of them healthy: find the line with the debugger, and say it here.

    公開されたバグにもとづくスクリプトです(健康なものもあります)。デバッガで原因の行を見つけて、答えます。
    """
    from gradcheck_lm.course.folder.shelf import source_course
    from gradcheck_lm.course.language import in_both
    from gradcheck_lm.course.museum import ANSWERS, find_piece, pieces_of
    from gradcheck_lm.errors import ArgumentError

    spoken, (lessons, progress) = voice_of(lang), course_and_progress()
    pieces = pieces_of(lessons[0].course, source_course() / "museum" / ANSWERS)
    if not name:
        _show_pieces(spoken, pieces, progress)
        return
    piece = find_piece(pieces, name)
    if line is not None and healthy:
        raise in_both(
            ArgumentError,
            ja="--line と --healthy は別々の答えです。どちらか一つを指定してください",
            en="--line and --healthy are two different answers: give one",
        )
    if line is not None and line < 1:
        raise in_both(
            ArgumentError,
            ja="--line が {line} です。1 以上の数を指定してください",
            en="--line is {line}; it must be at least 1",
            line=line,
        )
    if line is None and not healthy:
        _show_question(spoken, piece)
        return
    right = piece.healthy if healthy else line in piece.guilty()
    progress.mark_named(piece.name, right=right)
    _show_answer(spoken, piece, right=right)
    raise typer.Exit(0 if right else 1)


def _show_question(spoken: Voice, piece: Piece) -> None:
    from gradcheck_lm.course.language import Words
    from gradcheck_lm.draw.wrapping import short

    spoken.put(f"    python -m gradcheck_lm run {short(piece.path)}")
    spoken.tell(
        Words(
            "原因の行が分かったら、`--line` で答えます。どこも悪くなければ `--healthy` です。",
            "When you know the line, say it with `--line`; where nothing is wrong, with `--healthy`.",
        )
    )


def _show_answer(spoken: Voice, piece: Piece, *, right: bool) -> None:
    from gradcheck_lm.course.language import Words

    if not right:
        spoken.tell(Words("違います。もう一度調べてみましょう:", "That is not it. Look again:"), style="bold red")
        _show_question(spoken, piece)
        return
    spoken.tell(Words("正解です。", "That is it."), style="bold green")
    spoken.tell(piece.story)
    spoken.tell(Words("もとの議論: {after}", "After {after}").filled(after=piece.after), style="dim")
    if not piece.healthy:
        spoken.tell(
            Words(
                "次に、直す前は失敗し、直すと通るテストを書きます(`gradient_flow` や `diagnose_step`)。",
                "Now write the test that fails before the fix and passes after it, with "
                "`gradient_flow` or `diagnose_step`.",
            )
        )


def _show_pieces(spoken: Voice, pieces: list[Piece], progress: Progress) -> None:
    from gradcheck_lm.course.folder.catalogue import COMMAND
    from gradcheck_lm.course.language import Words
    from gradcheck_lm.draw.terminal.consoles import table

    heads = Words("作品|行数|回答数|状態", "piece|lines|answers|state").in_language(spoken.language).split("|")
    states = Words("発見|まだ", "found|not yet").in_language(spoken.language).split("|")
    rows = []
    for piece in pieces:
        tries, found = progress.named(piece.name)
        length = len(piece.path.read_text(encoding="utf-8").splitlines())
        rows.append([piece.name, length, tries, states[0] if found else states[1]])
    spoken.draw(table("", heads, rows, encoding=spoken.console.encoding))
    spoken.tell(Words("次に実行するコマンド:", "Type next:"))
    spoken.put(f"    {COMMAND} museum m01", style="bold")


def report(
    folders: Annotated[
        list[Path] | None,
        argument("Folders that `lessons init` made, one a learner. / 受講者ごとのフォルダ", metavar="[DIR...]"),
    ] = None,
    json: Annotated[bool, Option("For a program to read.", switch=True)] = False,
    lang: Language = None,
) -> None:
    """For whoever teaches: of each learner's folder the lessons passed, hints taken, predictions and museum pieces.

    教える人のための一覧です。受講者のフォルダごとに、合格した課、ヒント、予想、見つけたバグの数を表示します。
    """
    from gradcheck_lm.course.folder.catalogue import find_course, is_course, lessons_in
    from gradcheck_lm.course.folder.progress import Progress
    from gradcheck_lm.course.language import Words, in_both
    from gradcheck_lm.draw.terminal.consoles import table
    from gradcheck_lm.errors import DataError

    spoken = voice_of(lang)
    rows: list[dict[str, Any]] = []
    for folder in folders or [find_course()]:
        if not is_course(folder):
            raise in_both(
                DataError,
                ja="{folder} に課がありません。`lessons init` で作ったフォルダを指定してください",
                en="{folder} holds no lessons; give folders that `lessons init` made",
                folder=folder,
            )
        lessons, progress = lessons_in(folder), Progress(folder)
        passed = [lesson.name for lesson in lessons if progress.state(lesson.name) == "passed"]
        at_work = [lesson.name[:3] for lesson in lessons if progress.state(lesson.name) == "red"]
        asked, right = progress.score()
        pieces = sorted(path.stem for path in (folder / "museum").glob("m[0-9][0-9]_*.py"))
        rows.append({
            "folder": str(folder), "lessons": len(lessons), "passed": passed, "stuck": at_work,
            "hints": sum(progress.hints_seen(lesson.name) for lesson in lessons), "predictions": asked,
            "predicted_right": right, "museum": len(pieces), "found": sum(progress.named(one)[1] for one in pieces),
        })  # fmt: skip
    if json:
        show_json({"learners": rows})
        return
    heads = Words("フォルダ|合格|演習中|ヒント|予想|美術館", "folder|passed|red|hints|predictions|museum")
    spoken.draw(table("", heads.in_language(spoken.language).split("|"), [
        [row["folder"], f"{len(row['passed'])}/{row['lessons']}", " ".join(row["stuck"]) or "-", row["hints"],
         f"{row['predicted_right']}/{row['predictions']}", f"{row['found']}/{row['museum']}"] for row in rows
    ], encoding=spoken.console.encoding))  # fmt: skip
