"""`lessons`: the course at the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradcheck_lm.commands.common import show_json
from gradcheck_lm.commands.options import argument
from gradcheck_lm.options import Option

if TYPE_CHECKING:
    from gradcheck_lm.course.checking.judge import Verdict
    from gradcheck_lm.course.folder.catalogue import Lesson
    from gradcheck_lm.course.folder.progress import Progress
    from gradcheck_lm.course.say import Voice

Language = Annotated[
    str | None,
    Option(
        "ja or en; by default GRADCHECK_LM_LANG, else the locale's. / 言語(既定は環境変数かロケール)",
        name="lang",
        suggestions=("en", "ja"),
        metavar="[en|ja]",
    ),
]
Name = Annotated[
    str,
    argument(
        "l03, 3 or the whole name; by default the next lesson. / 課の番号か名前(省略すると次の課)", metavar="[NAME]"
    ),
]


def course_and_progress() -> tuple[list[Lesson], Progress]:
    from gradcheck_lm.course.folder.catalogue import find_course, lessons_in
    from gradcheck_lm.course.folder.progress import Progress

    course = find_course()
    return lessons_in(course), Progress(course)


_of_the_group = [""]  # what --lang was in front of the command: `lessons --lang ja hint`


def voice_of(language: str | None) -> Voice:
    from gradcheck_lm.course.say import use_voice

    return use_voice(language or _of_the_group[0])


def _pick(lessons: list[Lesson], progress: Progress, name: str) -> Lesson:
    from gradcheck_lm.course.folder.catalogue import find_lesson
    from gradcheck_lm.course.screen.board import next_lesson

    return find_lesson(lessons, name) if name else next_lesson(lessons, progress) or lessons[-1]


def _editable(lesson: Lesson) -> None:
    from gradcheck_lm.course.folder.catalogue import COMMAND, installed_course
    from gradcheck_lm.course.language import in_both
    from gradcheck_lm.errors import DataError

    if lesson.course == installed_course():
        raise in_both(
            DataError,
            ja="これはインストールされたパッケージの中の課です。`lessons init` で作ったフォルダに移るか、"
            "新しく作ってください: {command} init my-lessons",
            en="these lessons are the installed package's own copy: go to the folder that `lessons init` made, "
            "or make one: {command} init my-lessons",
            command=COMMAND,
        )


def board(context: typer.Context, lang: Language = None) -> None:
    """The course, in English and Japanese: all lessons, how far you are, and the one command to type next.

    日本語と英語の講座です。課の一覧と進み具合、次に実行するコマンドを表示します。
    """
    _of_the_group[0] = lang or ""
    if context.invoked_subcommand is None:
        from gradcheck_lm.course.screen.board import show_board

        spoken = voice_of(lang)
        show_board(spoken, *course_and_progress())


def check(name: Name = "", lang: Language = None) -> None:
    """Check an exercise; stops at the first thing that is wrong and names the likely mistake. Exit code 1 while red.

    演習を検査します。最初の間違いで止まり、ありそうな原因を示します。合格するまで終了コードは 1 です。
    """
    spoken = voice_of(lang)
    lessons, progress = course_and_progress()
    lesson = _pick(lessons, progress, name)
    _editable(lesson)
    verdict = _check(spoken, lesson, progress)
    if verdict.passed:
        from gradcheck_lm.course.screen.board import show_next

        show_next(spoken, lessons, progress)
    raise typer.Exit(0 if verdict.passed else 1)


def _check(spoken: Voice, lesson: Lesson, progress: Progress) -> Verdict:
    from gradcheck_lm.course.checking.gate import check_file
    from gradcheck_lm.course.folder.catalogue import COMMAND
    from gradcheck_lm.course.folder.shelf import reveal
    from gradcheck_lm.course.language import Words, in_both
    from gradcheck_lm.course.screen.board import show_verdict
    from gradcheck_lm.draw.wrapping import short
    from gradcheck_lm.errors import DataError

    if not lesson.exercise.is_file():
        raise in_both(
            DataError,
            ja="{exercise} がありません。元に戻すには: {command} reset {name}",
            en="{exercise} is missing; bring it back: {command} reset {name}",
            exercise=lesson.exercise, command=COMMAND, name=lesson.name,
        )  # fmt: skip
    if spoken.console.is_terminal:  # a second or two of torch, or a minute of an endless loop: not in silence
        spoken.tell(
            Words("{file} を検査しています…", "Checking {file} …").filled(file=short(lesson.exercise)), style="dim"
        )
    verdict = check_file(lesson.folder, lesson.exercise)
    progress.mark_checked(lesson.name, passed=verdict.passed)
    if verdict.passed:
        reveal(lesson.folder)
    show_verdict(spoken, lesson, verdict)
    return verdict


def hint(
    name: Name = "",
    tier: Annotated[
        int | None,
        Option("Show this tier, 1 to 3; by default the next one. / 段階(省略すると次の段階)"),
    ] = None,
    lang: Language = None,
) -> None:
    """A hint, stronger each time you ask: three tiers, the first never holds the answer.

    ヒントを表示します。呼ぶたびに詳しくなります(三段階)。最初のヒントに答えは含まれません。
    """
    from gradcheck_lm.course.folder.catalogue import COMMAND
    from gradcheck_lm.course.language import Words
    from gradcheck_lm.course.screen.board import next_lesson

    spoken = voice_of(lang)
    lessons, progress = course_and_progress()
    lesson = _pick(lessons, progress, name)
    _editable(lesson)
    ambiguous = tier is None and name in ("1", "2", "3") and progress.state(lesson.name) == "new"
    _give_hint(spoken, lesson, progress, tier)
    current = next_lesson(lessons, progress)
    if ambiguous and current and current != lesson and progress.state(current.name) != "new":
        meant = Words(
            "`{name}` は課の番号です。{lesson} のヒント {name} は:", "`{name}` is a lesson. Hint {name} of {lesson}:"
        )
        spoken.tell(meant.filled(name=name, lesson=current.name), style="dim")
        spoken.put(f"    {COMMAND} hint {current.name} --tier {name}", style="dim")


def _give_hint(spoken: Voice, lesson: Lesson, progress: Progress, tier: int | None, where: str = "command") -> None:
    """Of the tier asked for, else the next one."""
    from gradcheck_lm.course.screen.board import show_hint

    if tier is None:
        tier = min(progress.hints_seen(lesson.name) + 1, len(lesson.hints))
    show_hint(spoken, lesson, tier, where=where)
    progress.mark_hints(lesson.name, tier)


def reset(
    name: Annotated[str, argument("l03, 3 or the whole name.", metavar="NAME")],
    lang: Language = None,
) -> None:
    """Begin an exercise anew. What you had is kept, and the command says where.

    演習を最初の状態に戻します。それまでのファイルは残し、その場所を表示します。
    """
    from gradcheck_lm.course.folder.progress import reset as write_anew
    from gradcheck_lm.course.language import Words
    from gradcheck_lm.draw.wrapping import short

    spoken = voice_of(lang)
    lessons, progress = course_and_progress()
    lesson = _pick(lessons, progress, name)
    _editable(lesson)
    kept = write_anew(lesson.folder)
    progress.forget(lesson.name)
    spoken.tell(Words("最初の状態に戻しました: ", "Begun anew: "))
    spoken.put(f"    {short(lesson.exercise)}")
    if kept is not None:
        spoken.tell(Words("それまでのファイルはここにあります: ", "What you had is kept here: "))
        spoken.put(f"    {short(kept)}")


def watch(name: Name = "", lang: Language = None) -> None:
    """Check an exercise again at every change of its file; keys: n next lesson, h hint, s all lessons, q quit.

    ファイルを保存するたびに検査します。n で次の課、h でヒント、s で課の一覧、q で終了です。
    """
    from gradcheck_lm.course.checking.watching import keys, watch_file
    from gradcheck_lm.course.language import Words
    from gradcheck_lm.course.screen.board import show_board, show_next
    from gradcheck_lm.draw.wrapping import short

    spoken = voice_of(lang)
    lessons, progress = course_and_progress()
    lesson = _pick(lessons, progress, name)
    _editable(lesson)

    def wait() -> None:
        waiting = Words(
            "{file} の変更を待っています。n: 次の課  h: ヒント  s: 一覧  q: 終了 (Ctrl-C でも終わります)",
            "Waiting for {file} to change. n: next lesson  h: hint  s: all lessons  q: quit (so does Ctrl-C)",
        )
        spoken.tell(waiting.filled(file=short(lesson.exercise)), style="dim")

    def again() -> None:
        if spoken.console.is_terminal:
            spoken.console.clear()
        if _check(spoken, lesson, progress).passed:
            show_next(spoken, lessons, progress)
        wait()

    def next_hint() -> None:
        _give_hint(spoken, lesson, progress, None, "watch")
        wait()

    def all_lessons() -> None:
        show_board(spoken, lessons, progress)
        wait()

    does = {"h": next_hint, "s": all_lessons}
    try:
        with keys() as pressed:
            while watch_file(lesson.exercise, again, pressed=pressed, does=does, wanted="nq") == "n":
                lesson = lessons[min(lessons.index(lesson) + 1, len(lessons) - 1)]
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def listing(json: Annotated[bool, Option("For a program to read.", switch=True)] = False) -> None:
    """The lessons' names and states, one a line.

    課の名前と状態を 1 行ずつ表示します。
    """
    lessons, progress = course_and_progress()
    rows = [
        {
            "name": lesson.name,
            "number": lesson.number,
            "state": progress.state(lesson.name),
            "title": {"ja": lesson.title.ja, "en": lesson.title.en},
            "aha": {"ja": lesson.aha.ja, "en": lesson.aha.en},
            "hints_seen": progress.hints_seen(lesson.name),
            "lesson": str(lesson.folder / "lesson.py"),
            "exercise": str(lesson.exercise),
        }
        for lesson in lessons
    ]
    if json:
        from gradcheck_lm.course.screen.board import next_command

        show_json({"lessons": rows, "next": next_command(lessons, progress)})
        return
    for row in rows:
        typer.echo(f"{row['name']}\t{row['state']}")


def init(folder: Annotated[Path, argument("A new folder, or one laid out before.", metavar="DIR")],
         lang: Language = None) -> None:  # fmt: skip
    """Lay the course out in a folder of your own. In one laid out before, it brings lessons up to date; edited
    exercises stay.

    自分用のフォルダに課を用意します。すでにあるフォルダなら、課を新しくし、変更した演習はそのまま残します。
    """
    from gradcheck_lm.course.folder.catalogue import COMMAND, is_course
    from gradcheck_lm.course.folder.shelf import lay_out
    from gradcheck_lm.course.language import Words
    from gradcheck_lm.draw.wrapping import short

    spoken = voice_of(lang)
    again = is_course(folder)
    written = lay_out(folder)
    done = Words("{count} 課を用意しました。", "{count} lessons laid out.")
    if again:
        done = Words(
            "{count} 課を新しくしました。変更した演習はそのままです。",
            "{count} lessons brought up to date; exercises that you have changed stay as they are.",
        )
    spoken.tell(done.filled(count=len(written)))
    spoken.tell(Words("次に実行するコマンド:", "Type next:"))
    if folder.resolve() != Path.cwd().resolve():
        spoken.put(f"    cd {short(folder)}", style="bold")
    spoken.put(f"    {COMMAND}", style="bold")
