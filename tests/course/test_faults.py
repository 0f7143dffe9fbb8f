"""Faults that the course once had, each by what it said or did: none of them comes back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from course_folder import FOLDERS, LESSONS
from rich.cells import cell_len

from gradcheck_lm.course.checking.judge import judge, load
from gradcheck_lm.course.folder.catalogue import LEARNERS
from gradcheck_lm.course.folder.generator import holes_of
from gradcheck_lm.draw.wrapping import wrapped_code

TEXTS = {path: path.read_text(encoding="utf-8") for folder in FOLDERS for path in folder.iterdir() if path.is_file()}


def solution(number: int):
    return load(FOLDERS[number - 1] / "solution.py")


@pytest.mark.parametrize(
    "false",
    [
        "insert or to delete one cannot",  # letters are inserted, by accident
        "it has nothing to do with gradients",  # BatchNorm in eval() has another gradient
        "There are three illnesses",
        "the same symptom as in PyTorch",
        "there is one kind of fix",
        "the result is no longer the gradient of the expectation: detach",
        "is no knob",
        "held against",
        "up to the first `backward()`",
        "つまみではありません",
        "直進推定",
        "余弦",
        "と言います。",
    ],
)
def test_what_was_false_or_odd_is_said_nowhere(false: str) -> None:
    assert [path.parent.name for path, text in TEXTS.items() if false in text and path.name != "mutants.py"] == []


def test_nan_and_half_a_gradient_are_not_healthy() -> None:
    x = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)

    def under_where():
        return torch.where(x > 0, x.sqrt() / x.sqrt(), 0).sum()

    def half():
        return (x * x.detach()).sum()

    assert solution(4).illness(under_where, x) == "not finite"
    assert solution(4).illness(half, x) == "wrong"
    assert solution(1).teaches(under_where(), [x]) is False


def test_freezing_stops_buffers_too() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    kept = model[1].running_mean.clone()
    solution(5).freeze(model)
    model(torch.randn(4, 3) + 5)
    assert torch.equal(model[1].running_mean, kept)


def test_a_careful_walk_is_no_wrong_answer(tmp_path: Path) -> None:
    """Of what is no tensor it says that it reaches nothing."""
    text = (FOLDERS[1] / "solution.py").read_text(encoding="utf-8")
    first = "    if loss.grad_fn is None:\n"
    assert text.count(first) == 1
    file = tmp_path / "exercise.py"
    careful = text.replace(first, "    if not isinstance(loss, torch.Tensor):\n        return []\n" + first)
    file.write_text(careful, encoding="utf-8")
    assert judge(FOLDERS[1], file).passed


def test_no_lesson_prints_the_answer_to_its_exercise() -> None:
    """Lines of an answer longer than a few words stand in no lesson.py: one line alone may be what was taught."""
    for folder in FOLDERS:
        lesson = {line.strip() for line in (folder / "lesson.py").read_text(encoding="utf-8").splitlines()}
        for hole in holes_of(folder):
            lines = [line.strip() for line in hole.right if len(line.strip()) > 24]
            shared = [line for line in lines if line in lesson]
            assert len(shared) < 4, f"{folder.name} {hole.name}: {shared}"


def test_tasks_that_ask_for_the_debugger_do_not_name_the_cut() -> None:
    for number, names in ((4, ("perplexity", "mean_of_losses", "rounded", "root", "spread", "frozen")),
                          (12, ("letters", "nats", "mean", "judge", "progress"))):  # fmt: skip
        holes = {hole.name: hole for hole in holes_of(FOLDERS[number - 1])}
        assert len({holes[name].en for name in names}) == 1, "all places are marked alike"
        assert any(holes[name].right == holes[name].broken for name in names), "and some are healthy"


def test_solutions_and_wrong_answers_are_not_laid_out() -> None:
    assert not {"solution.py", "mutants.py", "answers.py"} & set(LEARNERS)


def test_code_is_broken_at_blanks_alone() -> None:
    for path, text in TEXTS.items():
        for line in text.splitlines() if path.name == "lesson.py" else []:
            for width in (74, 60):
                parts = wrapped_code(line, width)
                assert all(cell_len(part) <= width for part in parts) or max(map(cell_len, line.split() or [""])) > 40
                above = [part.strip() for part in parts if part.strip().startswith("# ")]
                below = [part for part in parts if not part.strip().startswith("# ")]
                code, _, comment = line.partition("# ") if above else (line, "", "")
                assert "".join("".join(below).split()) == "".join(code.split())
                assert "".join(one.removeprefix("# ") for one in above).replace(" ", "") == comment.replace(" ", "")
                words = {word for part in parts for word in part.split()}
                assert words <= {*line.split(), "#"} or max(map(cell_len, line.split())) > 40


def test_curves_are_drawn_where_there_are_curves_to_see() -> None:
    drawing = [
        folder.name[:3] for folder in FOLDERS if re.search(r"^plot\(", TEXTS[folder / "lesson.py"], re.MULTILINE)
    ]
    assert {"l03", "l06", "l09", "l11"} <= set(drawing)


def test_what_the_debugger_says_of_steps_and_warns_of_is_told_in_japanese_too() -> None:
    from gradcheck_lm import diagnose, diagnose_step
    from gradcheck_lm.course.screen.pictures import report_words

    def japanese(report: object) -> str:
        return report_words(report, width=80, encoding="utf-8").ja

    model, inputs, targets = torch.nn.Linear(4, 1), torch.randn(8, 4), torch.randn(8)
    warned = diagnose(lambda: (model(inputs) - targets).square().mean(), wrt=model)
    assert "ブロードキャスト" in japanese(warned)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step() -> None:
        model(inputs).square().mean().backward()
        optimizer.step()  # and nobody clears

    told = japanese(diagnose_step(step, model, optimizer))
    assert "GF704" in told
    assert not re.search(r"\b(why|cure|the|is)\b", told), "a sentence was left in English"


def test_the_strength_of_the_checks_is_recorded_and_no_mutant_survives() -> None:
    recorded = json.loads((LESSONS / "strength.json").read_text(encoding="utf-8"))
    assert {folder.name for folder in FOLDERS} == set(recorded)
    left = {
        (lesson, hole): one["mutants"] - one["equal"] - one["rejected"]
        for lesson, holes in recorded.items()
        for hole, one in holes.items()
    }
    assert {where: count for where, count in left.items() if count} == {}
    assert sum(one["rejected"] for holes in recorded.values() for one in holes.values()) > 2000
