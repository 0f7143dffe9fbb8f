"""The user's own line, wherever Python code comes from: lambdas, generators, notebooks, exec, python -c."""

from __future__ import annotations

import functools
import linecache
from collections.abc import Callable, Iterator

import pytest
import torch
from forked_python import run_python
from marked_lines import DATA, LAYER, first, is_at, marked_text
from torch import Tensor

from gradcheck_lm.draw.page import notebook
from gradcheck_lm.errors import MissingPackageError
from gradcheck_lm.flow import diagnose

# ---------------------------------------------------------------------- helpers, lambdas, generators


def passes_on(fn: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    @functools.wraps(fn)
    def wrapped(value: Tensor) -> Tensor:
        return fn(value)

    return wrapped


@passes_on
@passes_on
def decorated(value: Tensor) -> Tensor:
    return value.detach().sum()  # <- decorated


def test_a_decorated_helper() -> None:
    finding = first(lambda: decorated(LAYER(DATA)))
    assert is_at(finding, __file__, "decorated")
    assert (finding.function, marked_text(finding)) == ("decorated", ".detach()")


# fmt: off
CHOICES = (lambda value: value.argmax(-1), lambda value: value.argmin(-1))  # <- lambdas


# fmt: on


@pytest.mark.parametrize(("which", "text"), [(0, ".argmax(-1)"), (1, ".argmin(-1)")])
def test_of_two_lambdas_on_one_line_the_caret_tells_which(which: int, text: str) -> None:
    finding = first(lambda: CHOICES[which](LAYER(DATA)).float().sum())
    assert is_at(finding, __file__, "lambdas")
    assert (finding.function, marked_text(finding)) == ("<lambda>", text)
    shown = str(diagnose(lambda: CHOICES[which](LAYER(DATA)).float().sum(), LAYER)).splitlines()
    at = next(index for index, line in enumerate(shown) if set(shown[index + 1].strip()) == {"^"})
    assert shown[at + 1].index("^") == shown[at].index(text)
    assert shown[at + 1].count("^") == len(text)


def in_generator_expression(value: Tensor) -> Tensor:
    return sum(row.detach().sum() for row in value)  # <- generator expression


def in_list_comprehension(value: Tensor) -> Tensor:
    return torch.stack([row.argmax() for row in value]).float().sum()  # <- comprehension


def rounded_rows(value: Tensor) -> Iterator[Tensor]:
    for row in value:
        yield row.round().sum()  # <- generator


def in_generator(value: Tensor) -> Tensor:
    return torch.stack(list(rounded_rows(value))).sum()


@pytest.mark.parametrize(
    ("fn", "mark", "text"),
    [
        (in_generator_expression, "generator expression", ".detach()"),
        (in_list_comprehension, "comprehension", ".argmax()"),
        (in_generator, "generator", ".round()"),
    ],
)
def test_generators_and_comprehensions(fn: Callable[[Tensor], Tensor], mark: str, text: str) -> None:
    finding = first(lambda: fn(LAYER(DATA)))
    assert is_at(finding, __file__, mark)
    assert marked_text(finding) == text


# fmt: off
def chained(value: Tensor) -> Tensor:
    return (
        value.softmax(-1)
        .argmax(  # <- chained
            dim=-1,
        )
        .float()
        .sum()
    )


def begun_on_one_line(value: Tensor) -> Tensor:
    return value.round(  # <- begun
        decimals=0,
    ).sum()


def as_argument(value: Tensor) -> Tensor:
    return torch.where(
        value > 0,  # <- argument
        torch.ones(5, 3),
        torch.zeros(5, 3),
    ).sum()


# fmt: on


@pytest.mark.parametrize(
    ("fn", "mark", "text"),
    [
        (chained, "chained", "argmax("),
        (begun_on_one_line, "begun", ".round("),
        (as_argument, "argument", "value > 0"),
    ],
)
def test_calls_over_several_lines(fn: Callable[[Tensor], Tensor], mark: str, text: str) -> None:
    finding = first(lambda: fn(LAYER(DATA)))
    assert is_at(finding, __file__, mark)
    shown = marked_text(finding)
    assert shown is not None
    assert shown.startswith(text)


def test_columns_count_characters_not_bytes() -> None:
    def named(value: Tensor) -> Tensor:
        größe = "線"; return value.detach().sum() + len(größe)  # noqa: E702  # fmt: skip

    finding = first(lambda: named(LAYER(DATA)))
    assert marked_text(finding) == ".detach()"


# ---------------------------------------------------------------------- code that is in no file


@pytest.mark.parametrize("name", ["<ipython-input-3-abc>", "/tmp/ipykernel_123/456.py"])
def test_a_notebook_cell(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "def cell(x):\n    with torch.no_grad():\n        y = x * 2\n    return y.sum()\n"
    monkeypatch.setitem(linecache.cache, name, (len(source), None, source.splitlines(True), name))
    space = {"torch": torch}
    exec(compile(source, name, "exec"), space)
    diagnosis = diagnose(lambda: space["cell"](LAYER(DATA)), LAYER)
    finding = diagnosis.errors[0]
    assert (finding.file, finding.line, finding.function, finding.source) == (name, 3, "cell", "y = x * 2")
    assert (marked_text(finding), finding.scope) == ("x * 2", (name, 2))
    assert "y = x * 2\n          ^^^^^" in str(diagnosis)


def test_executed_code_without_source() -> None:
    space: dict[str, object] = {"torch": torch}
    exec("def score(x):\n    y = x\n    return y.argmax(-1).float().sum()", space)
    diagnosis = diagnose(lambda: space["score"](LAYER(DATA)), LAYER)  # type: ignore[operator]
    finding = diagnosis.errors[0]
    assert (finding.file, finding.line, finding.function) == ("<string>", 3, "score")
    assert (finding.source, finding.columns) == ("", None)
    assert "<string>:3 in score" in str(diagnosis)
    assert "<string>" not in diagnosis.to_sarif()  # no file that a viewer could open


def test_python_dash_c() -> None:
    program = (
        "import torch, gradcheck_lm\n"
        "layer = torch.nn.Linear(3, 2)\n"
        "def loss():\n"
        "    return layer(torch.ones(1, 3)).argmax().float()\n"
        "print(gradcheck_lm.diagnose(loss, layer))\n"
    )
    done = run_python("-c", program, check=True)
    assert "<string>:4 in loss  torch.Tensor.argmax" in done.stdout


# ---------------------------------------------------------------------- in a notebook


@pytest.mark.needs("layout")
def test_a_diagnosis_shows_itself_with_its_picture() -> None:
    diagnosis = diagnose(lambda: (LAYER(DATA) > 0).float().sum(), LAYER)
    page = diagnosis._repr_html_()
    assert '<div class="gradcheck-lm">' in page
    assert page.count("&lt;svg") == page.count("&lt;/svg&gt;") == 1  # in a frame of its own
    assert "<b>GF101</b>" in page
    assert "<mark>LAYER(DATA) &gt; 0</mark>" in page  # the source is escaped, in the text as in the picture
    assert "(LAYER(DATA) > 0)" not in page


def test_without_a_drawing_the_text_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(report: object, **options: object) -> str:
        raise MissingPackageError("no jinja2")

    diagnosis = diagnose(lambda: LAYER(DATA).round().sum(), LAYER)
    monkeypatch.setattr(notebook, "page_html", refuse)
    page = diagnosis._repr_html_()
    assert "svg" not in page
    assert "<b>GF301</b>" in page
