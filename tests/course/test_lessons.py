"""The three-way gate: every solution passes, every untouched exercise fails and says why, every mutant is rejected."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from course_folder import FOLDERS, LESSONS, NAMES

from gradcheck_lm.course.checking.answers import answers_of, meaning
from gradcheck_lm.course.checking.judge import checks_of, judge
from gradcheck_lm.course.folder.catalogue import FILES, lessons_in, read_lesson
from gradcheck_lm.course.folder.generator import answer_text, exercise_text, holes_of
from gradcheck_lm.course.mutants import mutants_of
from gradcheck_lm.course.mutating import effects
from gradcheck_lm.course.mutating.operators import generate
from gradcheck_lm.course.mutating.strength import equal_mutants, is_equal, is_rejected, measure
from gradcheck_lm.flow.findings.model import KINDS

every_lesson = pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
SAMPLE = 2  # mutants of each lesson in the default suite
ENGLISH = re.compile(r"(?<![\w.])[a-z]{2,}( (?!for |in |if |else |is |not |or |and )[a-z]{2,}){2,}")
MUTANTS = [(folder, name) for folder in FOLDERS for name in mutants_of(folder)]


def test_lessons_are_found_and_numbered_from_one() -> None:
    lessons = lessons_in(LESSONS)
    assert [lesson.number for lesson in lessons] == list(range(1, len(lessons) + 1))
    assert [lesson.name for lesson in lessons] == NAMES


def test_every_lesson_that_a_finding_names_exists_or_is_still_to_come() -> None:
    named = {kind.lesson for kind in KINDS.values()}
    written = {name for name in named if int(name[1:3]) <= len(NAMES)}
    assert written <= set(NAMES)
    assert written


@every_lesson
def test_a_lesson_is_whole(folder: Path) -> None:
    lesson = read_lesson(folder)
    assert {path.name for path in folder.iterdir() if path.name != "__pycache__"} == set(FILES)
    assert len(lesson.hints) == 3
    assert len(mutants_of(folder)) >= 3
    assert {mutant.rejected_by for mutant in mutants_of(folder).values()} <= set(checks_of(folder))


@every_lesson
def test_the_exercise_is_what_the_generator_makes(folder: Path) -> None:
    text = (folder / "exercise.py").read_text(encoding="utf-8")
    assert text == exercise_text(folder), f"not as generated; type: python -m gradcheck_lm lessons reset {folder.name}"
    assert "TODO" in text


@every_lesson
def test_the_solution_passes(folder: Path) -> None:
    verdict = judge(folder, folder / "solution.py")
    assert verdict.passed, verdict
    assert verdict.held == verdict.total >= 3


@every_lesson
def test_other_right_answers_pass_too(folder: Path, tmp_path: Path) -> None:
    """With the solution three of each hole, none of them a copy of another."""
    answers, holes = answers_of(folder), {hole.name: hole for hole in holes_of(folder)}
    assert len(answers) >= 2
    for name in answers[0]:
        codes = [meaning("\n".join(holes[name].right)), *(meaning(answer[name]) for answer in answers)]
        assert len(set(codes)) == len(codes), f"{name}: the same answer twice"
    for place, answer in enumerate(answers):
        file = tmp_path / f"answer{place}.py"
        file.write_text(answer_text(folder, answer), encoding="utf-8")
        verdict = judge(folder, file)
        assert verdict.passed, (place, verdict)


@every_lesson
def test_the_untouched_exercise_fails_with_a_helpful_message(folder: Path) -> None:
    verdict = judge(folder, folder / "exercise.py")
    assert not verdict.passed
    assert verdict.kind == "wrong", f"it should run, and be wrong: {verdict}"
    for language in ("ja", "en"):
        assert len(verdict.message.in_language(language)) > 20
        assert verdict.title.in_language(language)


@pytest.mark.parametrize(("folder", "name"), MUTANTS, ids=[f"{folder.name[:3]}-{name}" for folder, name in MUTANTS])
def test_a_mutant_is_rejected_for_its_own_mistake(folder: Path, name: str, tmp_path: Path) -> None:
    mutant = mutants_of(folder)[name]
    file = tmp_path / "exercise.py"
    file.write_text(answer_text(folder, mutant.holes), encoding="utf-8")
    verdict = judge(folder, file)
    assert verdict.check == mutant.rejected_by, verdict
    assert verdict.kind == ("crash" if mutant.crash else "wrong"), verdict
    if not mutant.crash:
        assert not ENGLISH.search(re.sub("'[^']*'", "", verdict.message.ja)), (
            "a sentence, or the name of a case, in English"
        )


@every_lesson
def test_of_the_generated_mutants_a_sample_is_rejected(folder: Path) -> None:
    """A few of them here, within seconds; the whole matrix is `slow`."""
    mutants = [one for one in generate(folder / "solution.py") if "loop" not in one.name]
    for mutant in mutants[:: max(1, len(mutants) // SAMPLE)][:SAMPLE]:
        rejected = is_rejected(folder, mutant)
        equal = (mutant.by_effect and not effects.applied()) or is_equal(mutant.name, equal_mutants(folder))
        assert rejected or equal, mutant.name


@pytest.mark.slow
@every_lesson
def test_every_generated_mutant_is_rejected_or_recorded_as_equal(folder: Path) -> None:
    measured = measure(folder)
    for hole, strength in measured.items():
        print(f"{folder.name} {hole}: {strength.rejected} of {strength.mutants - strength.equal}")
    assert {hole: strength.survivors for hole, strength in measured.items() if strength.survivors} == {}


@every_lesson
def test_what_is_recorded_of_strength_is_about_the_holes_there_are(folder: Path) -> None:
    recorded = json.loads((LESSONS / "strength.json").read_text(encoding="utf-8"))
    if folder.name in recorded:
        holes = [hole.name for hole in holes_of(folder)]
        assert list(recorded[folder.name]) == holes
        assert all(0 <= one["rejected"] <= one["mutants"] - one["equal"] for one in recorded[folder.name].values())


@every_lesson
def test_every_check_rejects_something(folder: Path) -> None:
    """A check that no mutant, and not the exercise, can fail may be one that cannot fail at all."""
    rejecting = {mutant.rejected_by for mutant in mutants_of(folder).values()}
    rejecting.add(judge(folder, folder / "exercise.py").check)
    assert set(checks_of(folder)) <= rejecting


@every_lesson
def test_the_first_hint_never_holds_the_answer(folder: Path) -> None:
    """No line of the solution's holes, and no call in them, stands in the first hint; the last one does help."""
    lesson = read_lesson(folder)
    calls: set[str] = set()
    for hole in holes_of(folder):
        right, broken = _calls(hole.right), _calls(hole.broken)
        calls |= right - broken
        for text in (lesson.hints[0].ja, lesson.hints[0].en):
            assert not [line for line in hole.right if len(line.strip()) > 8 and line.strip() in text]
    for text in (lesson.hints[0].ja, lesson.hints[0].en):
        assert not [call for call in calls if f"{call}(" in text or f".{call}" in text]
    assert any(call in lesson.hints[2].en for call in calls), "the third hint should name what to use"


@every_lesson
def test_code_in_the_last_hint_is_that_of_an_answer_that_passes(folder: Path) -> None:
    """The checks grow, and a hint that stayed behind leads into one of them. `...` stands for anything."""
    answers = (code for answer in answers_of(folder) for code in answer.values())
    files = ((folder / name).read_text(encoding="utf-8") for name in ("solution.py", "exercise.py"))
    known = [_bare(text) for text in (*files, *answers)]
    last = read_lesson(folder).hints[2]
    for text in (last.ja, last.en):
        for code in re.findall(r"`([^`]+)`", text):
            parts = _bare(code.removeprefix("return ")).split("...")
            assert all(any(part in one for one in known) for part in parts), code


def _bare(code: str) -> str:
    return re.sub(r"\s|#.*", "", code).replace('"', "'")


def _calls(lines: tuple[str, ...]) -> set[str]:
    source = "def hole():\n" + "\n".join(f"    {line}" for line in lines)
    names = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return {name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "") for name in names} - {""}
