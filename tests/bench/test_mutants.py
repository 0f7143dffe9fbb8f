"""The faults that are put into flow: each is one line, can be compiled, and is loaded instead of the module on disk."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

from gradcheck_lm.bench.mutants.mutants import TESTS, page
from gradcheck_lm.bench.mutants.mutated import MutatedFinder
from gradcheck_lm.bench.mutants.mutations import NAMED, ROOT, Mutation, choose, mutations, named

HERE = Path(__file__).parents[2]


def test_the_same_seed_gives_the_same_faults_in_all_rooms() -> None:
    chosen = choose(60, 0)
    assert chosen == choose(60, 0)
    assert chosen != choose(60, 1)
    assert len(chosen) == len({(one.path, one.line) for one in chosen}) == 60
    assert {one.room for one in chosen} == set(TESTS)
    assert chosen[: len(NAMED)] == named()


def test_what_a_review_named_is_still_there() -> None:
    assert [(one.path, one.old.strip()) for one in named()] != []
    assert len(named()) == len(NAMED), "a line of NAMED is another one by now"


def test_each_fault_is_one_line_that_python_reads() -> None:
    for one in choose(150, 7):
        source = (ROOT / one.path).read_text(encoding="utf-8")
        changed = one.applied(source)
        ast.parse(changed)
        differing = [a for a, b in zip(source.split("\n"), changed.split("\n"), strict=True) if a != b]
        assert differing == [one.old]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x = a == b", "x = a != b"),
        ("x = (a) < (b)", "x = (a) <= (b)"),
        ("x = a is not None", "x = a is None"),
        ("x = a not in b", "x = a in b"),
        ("x = a and b and c", "x = a or b and c"),
        ("x = not a", "x = a"),
        ("x = a[0]", "x = a[1]"),
        ("x = f(y=True)", "x = f(y=False)"),
        ("x = min(a, b)", "x = max(a, b)"),
    ],
)
def test_kinds_of_fault(old: str, new: str) -> None:
    assert new in [one.new for one in mutations("x.py", old)]


def test_a_changed_line_is_refused() -> None:
    with pytest.raises(ValueError, match=r"x\.py:1 is no longer 'a'"):
        Mutation("x.py", 1, "a", "b", "named").applied("c\n")


def test_the_faulty_module_is_loaded_and_no_other() -> None:
    (telling, *_) = named()
    finder = MutatedFinder(telling)
    folder = [str(ROOT / "tracing")]
    assert finder.find_spec("gradcheck_lm.flow.tracing.sums", folder) is None
    spec = finder.find_spec("gradcheck_lm.flow.tracing.graph", folder)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.is_telling(1.0)  # with the fault
    from gradcheck_lm.flow.tracing.graph import is_telling

    assert not is_telling(1.0)


def test_the_tests_that_are_asked_are_there() -> None:
    for arguments in (one for room in TESTS.values() for one in room):
        assert all((HERE / name).is_file() for name in arguments if name.endswith(".py")), arguments


def test_the_page_counts_and_names_survivors() -> None:
    one = {"path": "tracing/graph.py", "line": 3, "old": "a == b", "new": "a != b", "what": "comparison"}
    mutants = [
        one | {"end": "seen", "by": "tests/flow/test_x.py::test_y", "seconds": 1.0},
        one | {"end": "survived", "by": "", "seconds": 1.0, "line": 4},
        one | {"end": "undecided", "by": "test_x.py", "seconds": 9.0, "path": "watch.py"},
    ]
    text = page({"command": "c", "chosen": 5, "minutes": 1.0, "mutants": mutants})
    assert "**1 of 3 are seen**" in text
    assert "1 were not decided" in text
    assert "| tracing | 1 | 2 |" in text
    assert "| flow/*.py | 0 | 1 |" in text
    assert "`flow/tracing/graph.py:4`" in text
