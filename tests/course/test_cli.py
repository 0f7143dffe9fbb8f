"""The course at the command line, as a learner uses it, and from an installed wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from child_processes import run_process
from course_commands import call
from course_folder import FIRST, LESSONS, NAMES, SECOND, environment, solve

from gradcheck_lm.course.folder.catalogue import find_lesson, lessons_in, read_lesson
from gradcheck_lm.course.folder.generator import exercise_text
from gradcheck_lm.course.folder.progress import Progress, reset
from gradcheck_lm.course.say import use_voice
from gradcheck_lm.course.screen.board import show_hint
from gradcheck_lm.errors import ArgumentError

pytestmark = pytest.mark.usefixtures("judged_here")


def test_the_first_screen_says_that_red_is_expected_and_names_one_command(course: Path) -> None:
    code, out, _ = call(course=course)
    assert code == 0
    assert "Red is expected" in out
    assert "The loss that falls" in out
    assert out.count("python ") == 1
    assert f"{FIRST}{os.sep}lesson.py" in out.splitlines()[-1]
    assert "赤い表示は異常ではありません" in call(course=course, lang="ja")[1]
    assert "赤い表示は異常ではありません" in call("--lang", "ja", course=course)[1]


@pytest.mark.usefixtures("gate")
def test_the_way_through_a_lesson(course: Path) -> None:
    Progress(course).mark_read(FIRST)
    assert call(course=course)[1].splitlines()[-1].endswith(f"lessons check {FIRST}")
    code, out, _ = call("check", course=course)
    assert code == 1
    assert "0 of 9 checks hold" in out
    assert f"lessons hint {FIRST}" in out
    assert Progress(course).state(FIRST) == "red"
    solve(course, FIRST)
    code, out, _ = call("check", lang="ja", course=course)
    assert code == 0
    assert "合格です" in out
    assert f"{SECOND}{os.sep}lesson.py" in out.splitlines()[-1]
    assert Progress(course).state(FIRST) == "passed"
    screen = call(course=course)[1]
    assert "passed" in screen


def test_what_clicks_is_shown_only_once_a_lesson_is_passed(course: Path) -> None:
    first, second = lessons_in(course)
    word = first.aha.en.split()[1]
    assert word not in call(course=course, width="300")[1]
    Progress(course).mark_checked(FIRST, passed=True)
    screen = call(course=course, width="300")[1]
    assert first.aha.en in screen
    assert second.aha.en not in screen


def test_the_solution_lies_beside_an_exercise_only_once_it_is_passed(tmp_path: Path) -> None:
    course = tmp_path / "mine"
    call("init", str(course))
    shown = course / FIRST / "solution.py"
    assert not shown.exists()
    assert call("check", FIRST, course=course)[0] == 1
    assert not shown.exists()
    (course / FIRST / "exercise.py").write_bytes((LESSONS / FIRST / "solution.py").read_bytes())
    code, out, _ = call("check", FIRST, course=course)
    assert code == 0
    assert "A solution to compare with" in out
    assert shown.read_bytes() == (LESSONS / FIRST / "solution.py").read_bytes()
    assert not list(course.rglob("mutants.py"))


def test_predictions_are_scored_once(course: Path) -> None:
    progress = Progress(course)
    assert progress.score() == (0, 0)
    progress.mark_guess(FIRST, "b", right=True)
    progress.mark_guess(FIRST, "a", right=False)
    progress.mark_guess(SECOND, "a", right=False)
    assert progress.score() == (2, 1)
    assert progress.state(FIRST) == "new"


def test_where_a_key_gives_the_next_hint_no_command_is_named(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lesson = read_lesson(course / FIRST)
    for where, tier, key, command in (
        ("watch", 1, True, False), ("watch", 3, False, False), ("cell", 1, False, False), ("command", 1, False, True),
    ):  # fmt: skip
        for language, says in (("en", "press h again"), ("ja", "もう一度 h を押します")):
            show_hint(use_voice(language), lesson, tier, where=where)
            out = capsys.readouterr().out
            assert (says in out, "lessons hint" in out) == (key, command)


def test_hints_grow_stronger(course: Path) -> None:
    lesson = lessons_in(course)[0]
    for tier in (1, 2, 3, 3):
        code, out, _ = call("hint", FIRST[:3], course=course, width="400")
        assert code == 0
        assert f"{tier}/3" in out
        words = lesson.hints[tier - 1].en.splitlines()[0][:40]
        assert words in out
    assert Progress(course).hints_seen(FIRST) == 3
    assert "1/3" in call("hint", FIRST, "--tier", "1", course=course)[1]
    assert call("hint", "--tier", "4", course=course)[0] == 2
    assert call("hint", "--tier", "0", course=course)[0] == 2


def test_a_hint_that_was_meant_for_the_current_lesson(course: Path) -> None:
    Progress(course).mark_read(FIRST)
    call("check", course=course)
    _, out, _ = call("hint", "2", course=course)
    assert "`2` is a lesson" in " ".join(out.split())
    assert "`2` is a lesson" not in " ".join(call("hint", "2", "--tier", "1", course=course)[1].split())


def test_an_exercise_that_was_not_edited_is_said_to_be_so(course: Path) -> None:
    said = "It is still unchanged"
    assert said in call("check", FIRST, course=course)[1]
    assert "まだ変更されていません" in call("check", FIRST, course=course, lang="ja")[1].replace("\n", "")
    with (course / FIRST / "exercise.py").open("a", encoding="utf-8") as file:
        file.write("\n# edited\n")
    assert said not in call("check", FIRST, course=course)[1]


def test_reset_keeps_what_the_learner_had(course: Path) -> None:
    file = course / FIRST / "exercise.py"
    file.write_text("mine = 1\n", encoding="utf-8")
    Progress(course).mark_checked(FIRST, passed=True)
    code, out, _ = call("reset", "1", course=course)
    assert code == 0
    assert file.read_text(encoding="utf-8") == exercise_text(course / FIRST)
    kept = list((course / ".gradcheck_lm" / "backups" / FIRST).iterdir())
    assert [path.read_text(encoding="utf-8") for path in kept] == ["mine = 1\n"]
    assert kept[0].name in out
    assert Progress(course).state(FIRST) == "new"
    assert reset(course / FIRST) is None, "an untouched exercise needs no copy"
    for number in range(3):  # within the same second
        file.write_text(f"mine = {number}\n", encoding="utf-8")
        reset(course / FIRST)
    assert len(list((course / ".gradcheck_lm" / "backups" / FIRST).iterdir())) == 4


def test_list_for_people_and_programs(course: Path) -> None:
    assert call("list", course=course)[1].splitlines() == [f"{FIRST}\tnew", f"{SECOND}\tnew"]
    content = json.loads(call("list", "--json", course=course)[1])
    assert [row["name"] for row in content["lessons"]] == [FIRST, SECOND]
    assert content["lessons"][0]["title"]["ja"] == "壊れた損失"
    assert content["next"].endswith("lesson.py")
    for name in (FIRST, SECOND):
        Progress(course).mark_checked(name, passed=True)
    assert "every lesson" in call(course=course)[1]


@pytest.mark.parametrize("word", ["l02", "2", "02", SECOND, "see_the", f"lessons/{SECOND}/", f"{SECOND}/exercise.py"])
def test_names_of_lessons(course: Path, word: str) -> None:
    assert find_lesson(lessons_in(course), word).name == SECOND


def test_names_that_mean_none_or_several(course: Path) -> None:
    code, _, err = call("check", "l09", course=course)
    assert code == 2
    assert f"no lesson 'l09'; the lessons are {FIRST}, {SECOND}" in err
    with pytest.raises(ArgumentError, match="may mean"):
        find_lesson(lessons_in(course), "l0")


# importing takes longer than all of them
ONE_AFTER_ANOTHER = """
import json, sys
from gradcheck_lm.__main__ import main
for command in json.loads(sys.argv[1]):
    sys.argv = ["gradcheck-lm", "lessons", *command]
    try:
        main()
    except SystemExit as left:
        print("exit code", left.code or 0, flush=True)
"""


def test_old_consoles(course: Path) -> None:
    for encoding in ("cp932", "ascii"):
        commands = [["--lang", "ja"], ["hint", "--lang", "ja"], ["list", "--json"],
                    ["init", str(course.parent / encoding), "--lang", "ja"]]  # fmt: skip
        done = run_process(
            [sys.executable, "-c", ONE_AFTER_ANOTHER, json.dumps(commands)], capture_output=True,
            env=environment(GRADCHECK_LM_LESSONS=str(course), PYTHONIOENCODING=encoding),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode(encoding)
        texts = done.stdout.decode(encoding).split("exit code 0\n")
        assert len(texts) == len(commands) + 1, done.stdout.decode(encoding)
        assert all("\\u" not in text for command, text in zip(commands, texts, strict=False) if command[0] != "list")


def test_the_screens_of_the_course_are_there_before_torch_could_be(course: Path) -> None:
    """Seconds of importing before a table of lessons: only a check needs them, in its own process."""
    screens = "import gradcheck_lm.course.checking.gate, sys; sys.stdout.write(str('torch' in sys.modules))"
    code = f"{ONE_AFTER_ANOTHER}\n{screens}"
    commands = json.dumps([[], ["list"], ["hint", "1"], ["reset", "1"]])
    done = run_process([sys.executable, "-c", code, commands], capture_output=True,
                       env=environment(GRADCHECK_LM_LESSONS=str(course), PYTHONIOENCODING="utf-8"))  # fmt: skip
    assert done.stdout.decode().endswith("False"), done.stdout.decode()
    assert done.stdout.count(b"exit code 0") == 4


@pytest.mark.slow
def test_the_built_wheel_lays_the_course_out(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="building the wheel offline needs hatchling")
    root = tmp_path / "checkout"  # of a learner who has edited an exercise in place, and without git's own ignore list
    for name in ("gradcheck_lm", "lessons"):
        shutil.copytree(LESSONS.parent / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / ".ci").mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", ".ci/readme_for_an_index.py"):
        shutil.copy(LESSONS.parent / name, root / name)
    Progress(root / "lessons").mark_checked(FIRST, passed=True)
    solve(root / "lessons", SECOND)
    build = "from hatchling.build import build_wheel; import sys; print(build_wheel(sys.argv[1]))"
    done = run_process([sys.executable, "-c", build, str(tmp_path)], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wheel = tmp_path / done.stdout.split()[-1]
    inside = zipfile.ZipFile(wheel).namelist()
    for name in NAMES:
        assert f"gradcheck_lm/course/lessons/{name}/lesson.py" in inside
    assert not [path for path in inside if "__pycache__" in path or ".gradcheck_lm" in path or "backups" in path]
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:  # a wheel of pure Python is installed by unpacking it
        archive.extractall(site)
    settings = environment(PYTHONPATH=str(site), PYTHONIOENCODING="utf-8", PYTHONDONTWRITEBYTECODE="1")

    def lessons(*arguments: str, place: Path) -> tuple[int, str]:
        command = [sys.executable, "-m", "gradcheck_lm", "lessons", *arguments]
        done = run_process(command, cwd=place, env=settings, capture_output=True, text=True, encoding="utf-8")
        return done.returncode, done.stdout + done.stderr

    where = run_process(
        [sys.executable, "-c", "import gradcheck_lm; print(gradcheck_lm.__file__)"], cwd=tmp_path, env=settings,
        capture_output=True, text=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(site)), "the wheel's package, not the checkout's"
    assert "lessons init my-lessons" in lessons(place=tmp_path)[1]
    code, text = lessons("check", "--lang", "en", place=tmp_path)
    assert (code, "the installed package's own copy" in text) == (2, True)
    assert lessons("init", "my-lessons", "--lang", "ja", place=tmp_path)[0] == 0
    mine = tmp_path / "my-lessons"
    assert (mine / SECOND / "exercise.py").read_text(encoding="utf-8") == exercise_text(LESSONS / SECOND)
    code, text = lessons("check", "l01", "--lang", "en", place=mine)
    assert (code, "checks hold" in text) == (1, True)
    hidden = [path for path in mine.rglob("*.py") if path.name in ("solution.py", "answers.py", "mutants.py")]
    assert not [path for path in hidden if ".gradcheck_lm" not in path.parts], "an answer lies beside its exercise"
    solve(mine, FIRST)
    assert lessons("check", "l01", place=mine)[0] == 0
    assert [path.parent.name for path in sorted(mine.glob("l*/solution.py"))] == [FIRST], "shown once it is passed"
    script = run_process(
        [sys.executable, str(mine / FIRST / "lesson.py"), "--lang", "en", "--out", str(tmp_path / "pictures")],
        cwd=mine, env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert script.returncode == 0, script.stderr
    assert "not one bit" in script.stdout
