"""A course on disk: laid out, brought up to date, found, mended, and the progress kept beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from course_commands import call
from course_folder import FIRST, FOLDERS, LESSONS, NAMES, SECOND, copy_course

from gradcheck_lm.course.folder.catalogue import LEARNERS, find_course
from gradcheck_lm.course.folder.generator import exercise_text
from gradcheck_lm.course.folder.progress import Progress, kept_in
from gradcheck_lm.errors import DataError

pytestmark = pytest.mark.usefixtures("judged_here")


def test_init_lays_the_course_out_with_untouched_exercises(tmp_path: Path) -> None:
    target = tmp_path / "my lessons"
    code, out, _ = call("init", str(target))
    assert code == 0
    assert f"{len(NAMES)} lessons" in out
    for folder in FOLDERS:
        assert {path.name for path in (target / folder.name).iterdir()} == set(LEARNERS)
        assert (target / folder.name / "exercise.py").read_text(encoding="utf-8") == exercise_text(folder)
    assert (target / "README.md").is_file()
    edited = target / FIRST / "exercise.py"
    edited.write_text("mine = 1\n", encoding="utf-8")
    (target / SECOND / "check.py").write_text("old\n", encoding="utf-8")
    assert call("init", str(target))[0] == 0
    assert edited.read_text(encoding="utf-8") == "mine = 1\n"
    assert (target / SECOND / "check.py").read_bytes() == (LESSONS / SECOND / "check.py").read_bytes()


def test_a_laid_out_course_is_brought_up_to_date(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    assert "lessons laid out" in call("init", str(folder))[1]
    guide = (folder / "README.md").read_text(encoding="utf-8")
    assert "For authors" not in guide
    assert "python lessons/" not in guide
    exercise = folder / FIRST / "exercise.py"
    exercise.write_text("# mine\n", encoding="utf-8")
    assert "brought up to date" in call("init", str(folder))[1]
    assert exercise.read_text(encoding="utf-8") == "# mine\n"


def test_init_refuses_what_it_would_spoil(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear", encoding="utf-8")
    code, _, err = call("init", str(tmp_path))
    assert code == 2
    assert "is not empty and holds no lessons" in err
    assert "is a file" in call("init", str(tmp_path / "letters.txt"))[2]
    assert "the course's own folder" in call("init", str(LESSONS))[2]


def test_where_the_course_is_found(course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADCHECK_LM_LESSONS", raising=False)
    assert find_course(course) == course
    assert find_course(course / FIRST) == course
    (tmp_path / "lessons").symlink_to(course)
    assert find_course(tmp_path).resolve() == course
    assert find_course(Path(tmp_path.anchor)) == LESSONS
    monkeypatch.setenv("GRADCHECK_LM_LESSONS", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="no lessons lie there"):
        find_course()


def test_an_exercise_that_was_deleted_comes_back(course: Path) -> None:
    (course / FIRST / "exercise.py").unlink()
    code, _, err = call("check", course=course)
    assert code == 2
    assert f"lessons reset {FIRST}" in err
    assert call("reset", "l01", course=course)[0] == 0
    assert call("check", course=course)[0] == 1


def test_a_damaged_lesson_is_named(course: Path) -> None:
    (course / FIRST / "check.py").unlink()
    assert "check.py missing" in call(course=course)[2]
    (course / FIRST / "check.py").write_text("", encoding="utf-8")
    (course / FIRST / "hints.toml").write_text("[title]\nja = 'x'\n", encoding="utf-8")
    assert "needs [title], [aha] and three [[hint]]" in call(course=course)[2]
    (course / FIRST / "hints.toml").write_text("[title\n", encoding="utf-8")
    assert "cannot be read" in call(course=course)[2]


def test_progress_is_kept_whole(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    progress = Progress(course)
    progress.mark_checked(FIRST, passed=True)
    progress.mark_checked(FIRST, passed=False)
    progress.mark_read(FIRST)
    assert progress.state(FIRST) == "passed", "what has passed stays passed"
    before = progress.path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        progress.mark_read(SECOND)
    assert progress.path.read_bytes() == before
    assert [path.name for path in progress.path.parent.iterdir()] == ["progress.json"]


def test_damaged_progress_is_no_traceback(course: Path) -> None:
    path = Progress(course).path
    path.parent.mkdir()
    for text in ("{", "[]", '{"schema": 99, "lessons": {}}', '{"schema": 1, "lessons": {"x": 3}}'):
        path.write_text(text, encoding="utf-8")
        code, _, err = call(course=course)
        assert code == 2
        assert "delete it, and the course begins anew" in err


@pytest.fixture
def source_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lessons of a source tree that someone works in, and a home of their own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("gradcheck_lm.files.sys.platform", "linux")
    monkeypatch.delenv("GRADCHECK_LM_LESSONS", raising=False)
    (tmp_path / "clone" / "gradcheck_lm" / "course").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "clone")
    return copy_course(tmp_path / "clone" / "lessons", FIRST, SECOND)


def test_progress_in_a_source_tree_lies_in_the_users_state(source_tree: Path, tmp_path: Path) -> None:
    before = set(source_tree.parent.rglob("*"))
    assert call("hint", FIRST)[0] == 0
    assert call("check", FIRST)[0] == 1
    (source_tree / FIRST / "exercise.py").write_text("mine = 1\n", encoding="utf-8")
    code, out, _ = call("reset", FIRST, width="400")
    assert code == 0
    assert set(source_tree.parent.rglob("*")) == before, "nothing of the learner's lies in the tree"
    (kept,) = (tmp_path / "state" / "gradcheck_lm" / "lessons").rglob("exercise-*.py")
    assert kept.read_text(encoding="utf-8") == "mine = 1\n"
    assert kept.name in out
    call("hint", SECOND)
    assert Progress(source_tree).hints_seen(SECOND) == 1
    another = tmp_path / "other" / "lessons"
    (another.parent / "gradcheck_lm" / "course").mkdir(parents=True)
    assert kept_in(another) != kept_in(source_tree), "two trees have a progress each"


def test_progress_lies_beside_the_lessons_where_the_learner_chose_the_place(
    source_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADCHECK_LM_LESSONS", str(source_tree))
    call("hint", FIRST)
    assert (source_tree / ".gradcheck_lm" / "progress.json").is_file()
    monkeypatch.delenv("GRADCHECK_LM_LESSONS")
    assert Progress(source_tree).hints_seen(FIRST) == 1, "what an earlier version kept there is not lost"
    call("hint", FIRST)
    assert Progress(source_tree).hints_seen(FIRST) == 2
    Progress(source_tree).forget(FIRST)
    assert Progress(source_tree).hints_seen(FIRST) == 0, "and does not come back"
    mine = source_tree.parent / "my-lessons"  # a folder of one's own may lie in a source tree
    assert call("init", str(mine))[0] == 0
    assert Progress(mine).path == mine / ".gradcheck_lm" / "progress.json"


def test_progress_in_the_installed_course_lies_in_the_users_state(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("gradcheck_lm.files.sys.platform", "linux")
    assert kept_in(course) == course / ".gradcheck_lm"
    monkeypatch.setattr("gradcheck_lm.course.folder.progress.installed_course", lambda: course)
    assert kept_in(course).is_relative_to(tmp_path / "state")
