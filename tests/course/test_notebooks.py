"""The notebooks of the lessons: the same words and the same code as the scripts, and they run."""

from __future__ import annotations

import ast
import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from course_folder import FOLDERS, LESSONS, NAMES

from gradcheck_lm.course import cells
from gradcheck_lm.course.beats import BEATS
from gradcheck_lm.course.cells import tell
from gradcheck_lm.course.checking.judge import judge
from gradcheck_lm.course.folder.catalogue import read_lesson
from gradcheck_lm.course.folder.generator import holes_of
from gradcheck_lm.course.folder.progress import Progress
from gradcheck_lm.course.language import LANGUAGES
from gradcheck_lm.course.publishing.narration import pairs_in
from gradcheck_lm.course.publishing.notebooks import notebook_of, notebook_text
from gradcheck_lm.course.screen.comments import in_japanese

every_lesson = pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
every_language = pytest.mark.parametrize("language", LANGUAGES)
WRITTEN = LESSONS.parent / "docs" / "lessons" / "notebooks"
SHORT = "l16_changed_in_place"


def code_of(notebook: dict[str, Any]) -> list[str]:
    """The code cells, without what a shell would install first, and without the exercise, which is no plain Python."""
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    cells = [cell for cell in cells if not cell.startswith("%%")]
    return [re.sub(r"^try:\n.*?(?=^from gradcheck_lm)", "", cell, flags=re.DOTALL | re.MULTILINE) for cell in cells]


def exercise_of(notebook: dict[str, Any]) -> str:
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    (cell,) = [source for source in sources if source.startswith("%%exercise\n")]
    return cell.removeprefix("%%exercise\n")


def without_docstrings(code: str) -> str:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
            node.body = [*node.body[1:], ast.Pass()]
    return ast.unparse(tree)


def text_of(notebook: dict[str, Any]) -> str:
    return "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")


@every_language
@every_lesson
def test_a_notebook_says_and_holds_what_the_script_does(folder: Path, language: str) -> None:
    notebook = notebook_of(read_lesson(folder), language)
    code, text = "\n".join(code_of(notebook)), text_of(notebook)
    for pair in pairs_in(folder / "lesson.py"):
        words = pair.ja if language == "ja" else pair.en
        said = text + code.replace("\n# ", " ")  # the help of an option is a comment
        assert words in said or json.dumps(words, ensure_ascii=False) in code, f"{pair.line}: {words}"
        other = pair.en if language == "ja" else pair.ja
        assert pair.ja == pair.en or other not in text + code
    heads = re.findall(r"^## (.*?):", text, re.MULTILINE)
    assert heads == [beat.title.in_language(language) for beat in BEATS]
    source = (folder / "lesson.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:  # nothing is lost of what computes
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign | ast.For):
            segment = str(ast.get_source_segment(source, node))
            if " = option(" in segment:
                segment = segment.partition("(")[0].removesuffix("option")
            assert (in_japanese(segment) if language == "ja" else segment) in code
    ast.parse(code)


@every_language
@every_lesson
def test_the_notebooks_of_the_documentation_are_up_to_date(folder: Path, language: str) -> None:
    text = (WRITTEN / language / f"{folder.name}.ipynb").read_text(encoding="utf-8")
    assert text == notebook_text(read_lesson(folder), language), "not what the lesson is today; type: make docs"


@every_lesson
def test_a_notebook_is_well_formed(folder: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.reads(notebook_text(read_lesson(folder), "ja"), as_version=4)
    nbformat.validate(notebook)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])


@every_language
def test_the_cells_of_a_short_one_run_one_after_another(
    language: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    space: dict[str, Any] = {"__name__": "__main__"}
    monkeypatch.setattr("sys.excepthook", lambda *_: None)  # begin() sets it, and here it is put back
    for place, cell in enumerate(code_of(notebook_of(read_lesson(LESSONS / SHORT), language))):
        exec(compile(cell, f"<cell {place}>", "exec"), space)
    out = capsys.readouterr().out
    assert bool(re.search("[ぁ-ん]", out)) == (language == "ja")
    assert "GF106" in out
    assert space["__file__"].endswith("lesson.py")


@every_language
@every_lesson
def test_the_exercise_is_a_cell_in_one_language(folder: Path, language: str) -> None:
    exercise = exercise_of(notebook_of(read_lesson(folder), language))
    tasks = re.findall(r"# TODO (\w+): (.+)", exercise)
    assert [(name, task) for name, task in tasks] == [
        (hole.name, hole.ja if language == "ja" else hole.en) for hole in holes_of(folder)
    ]
    if language == "en":
        assert not re.search("[ぁ-ん]", exercise)
    functions = [node for node in ast.walk(ast.parse(exercise)) if isinstance(node, ast.FunctionDef)]
    docs = [ast.get_docstring(node) or "" for node in functions]
    if language == "ja":
        assert not [text for text in docs if re.search(r"[a-z] [a-z]+ [a-z]+ [a-z]+ [a-z]+ [a-z]", text)]
    file = (folder / "exercise.py").read_text(encoding="utf-8")
    assert without_docstrings(exercise) == without_docstrings(file), "the same code as the file's"


@every_language
def test_a_cell_is_checked_as_the_file_is(
    language: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("gradcheck_lm.course.cells.check_file", judge)
    marked: list[bool] = []
    monkeypatch.setattr(Progress, "mark_checked", lambda *_, passed: marked.append(passed))
    monkeypatch.setattr("sys.excepthook", lambda *_: None)
    cells.start(SHORT, language)
    untouched = exercise_of(notebook_of(read_lesson(LESSONS / SHORT), language))
    words = {
        "en": ("unchanged", "Change this cell", "line 3 of the cell", "Passed"),
        "ja": ("まだ変更されていません", "このセルを直して", "セルの 3 行目", "合格です"),
    }[language]
    solution = (LESSONS / SHORT / "solution.py").read_text(encoding="utf-8")
    for code, says in zip((untouched, untouched + "#", "\nx = (\n", solution), words, strict=True):
        capsys.readouterr()
        cells.exercise("", code)
        out = capsys.readouterr().out
        assert says in out
        assert "exercise.py:" not in out, "there is no such file"
        assert "lessons hint" not in out
    assert marked == [False, False, False, True]
    cells.hint(2)
    out = capsys.readouterr().out
    assert "2/3" in out
    assert "--tier" not in out


@pytest.mark.slow
@pytest.mark.needs("nbclient", "nbformat", "ipykernel")
def test_a_wrong_answer_in_a_kernel_is_refused_and_a_right_one_passes(tmp_path: Path) -> None:
    nbformat, nbclient = importlib.import_module("nbformat"), importlib.import_module("nbclient")
    notebook = nbformat.reads(notebook_text(read_lesson(LESSONS / SHORT), "en"), as_version=4)
    begin = next(cell for cell in notebook["cells"] if "start(" in cell["source"])
    solution = (LESSONS / SHORT / "solution.py").read_text(encoding="utf-8")
    wrong = solution.replace("torch.sigmoid(gate) * x + x", "torch.sigmoid(gate.detach()) * x + x")
    assert wrong != solution
    notebook["cells"] = [begin, *(nbformat.v4.new_code_cell(f"%%exercise\n{code}") for code in (wrong, solution))]
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3",
                            resources={"metadata": {"path": str(tmp_path)}}).execute()  # fmt: skip
    said = [
        re.sub(r"\x1b\[[0-9;]*m", "", "".join(output["data"]["text/plain"] for output in cell["outputs"]))
        for cell in notebook["cells"][1:]
    ]
    assert "No gradient arrives from" in said[0]
    assert "Passed: all" in said[1]


def test_any_placeholder_has_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    tell("{text} {values:.1f}", text="read", values=0.25)
    assert "read 0.2" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.needs("nbclient", "nbformat", "ipykernel")
@every_language
@every_lesson
def test_a_notebook_runs_in_a_kernel(folder: Path, language: str, tmp_path: Path) -> None:
    nbformat, nbclient = importlib.import_module("nbformat"), importlib.import_module("nbclient")
    notebook = nbformat.reads(notebook_text(read_lesson(folder), language), as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3",
                                     resources={"metadata": {"path": str(tmp_path)}})  # fmt: skip
    client.execute()
    assert "does not bear out" not in json.dumps(notebook)
