"""From a solution to an exercise, and to mutants."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcheck_lm.course.folder.generator import answer_from, exercise_from, read_holes
from gradcheck_lm.course.mutants import mutants_of
from gradcheck_lm.errors import DataError

SOLUTION = '''"""Title."""


def f(x):
    # >>> hole: inner
    # en: add one
    # ja: 1 を足す
    if x:

        return x + 1
    return 1
    # --- broken
    # if x:
    #
    #     return x - 1
    # return 1
    # <<< hole


# >>> hole: outer
# en: choose
# ja: 選ぶ
A = "b"
# --- broken
# A = "a"
# <<< hole
'''
EXERCISE = '''"""Title."""


def f(x):
    # TODO inner: add one
    #             1 を足す
    if x:

        return x - 1
    return 1
    # END inner


# TODO outer: choose
#             選ぶ
A = "a"
# END outer
'''


def test_the_exercise_shows_the_broken_code_and_the_task_in_both_languages() -> None:
    assert exercise_from(SOLUTION) == EXERCISE
    assert [hole.name for hole in read_holes(SOLUTION)] == ["inner", "outer"]


def test_nothing_of_the_right_code_is_left() -> None:
    assert "x + 1" not in EXERCISE
    assert "hole" not in exercise_from(SOLUTION)


def test_a_mutant_is_the_solution_with_other_code_in_a_hole() -> None:
    text = answer_from(SOLUTION, {"inner": "\n        if x:\n            return 7\n        return 8\n"})
    assert "    if x:\n        return 7\n    return 8\n" in text
    assert 'A = "b"' in text
    space: dict = {}
    exec(text, space)
    assert (space["f"](1), space["f"](0)) == (7, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("    # <<< hole\n", "", 1), "opens inside the hole of line 5"),
        (lambda text: text.replace("# <<< hole\n", ""), "opens inside|never closed"),
        (lambda text: text.replace("    # en: add one\n", ""), "'inner' needs its task as '# en: ...' and '# ja: ...'"),
        (lambda text: text.replace("    # --- broken\n", ""), "then '# --- broken'"),
        (
            lambda text: text.replace("    #     return x - 1", "    return x - 1"),
            "must be comments, not 'ret",
        ),
        (lambda text: text.replace("outer", "inner"), "comes twice"),
        (lambda text: '"""Nothing."""\n', "no hole"),
        (lambda text: "# <<< hole\n" + text, "closed that was never opened"),
    ],
)
def test_faults_in_the_marks_are_named(change, message: str) -> None:
    with pytest.raises(DataError, match=message):
        exercise_from(change(SOLUTION))


def test_a_mutant_of_a_hole_that_is_not_there() -> None:
    with pytest.raises(DataError, match="has no hole outre; its holes are inner, outer"):
        answer_from(SOLUTION, {"outre": "A = 1"})


def test_mutants_must_be_a_table_of_mutants(tmp_path: Path) -> None:
    (tmp_path / "mutants.py").write_text("MUTANTS = {'x': 1}\n", encoding="utf-8")
    with pytest.raises(DataError, match="needs a table MUTANTS"):
        mutants_of(tmp_path)
