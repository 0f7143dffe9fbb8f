"""The kinds of finding: one file each, found by itself; its two programs run, and say what the file says they do."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import re
import types
from pathlib import Path

import pytest
import torch

import gradcheck_lm
from gradcheck_lm import flow
from gradcheck_lm.flow import KINDS, diagnose
from gradcheck_lm.flow.findings import kinds
from gradcheck_lm.flow.findings.kind import Kind
from gradcheck_lm.flow.findings.registry import SPENT, collected, kind_of
from gradcheck_lm.flow.scripts.runner import run_script

FILES = sorted(path for path in Path(kinds.__path__[0]).glob("*.py") if path.name != "__init__.py")
ALL = list(KINDS.values())
DOORS = {"diagnose", "diagnose_step", "run", "check_values", "two ranks"}
STEPS = {"diagnose_step", "run"}  # their programs define step()


def load(source: str, place: Path) -> types.ModuleType:
    """A kind's program as a module with a file of its own: a finding names its lines."""
    place.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(place.stem, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    torch.manual_seed(0)
    spec.loader.exec_module(module)
    return module


def asked(kind: Kind, program: types.ModuleType) -> gradcheck_lm.flow.Diagnosis:
    """What the kind's own door says of a program."""
    if kind.asked_by == "run":  # from its first line on, in a file of its own
        path = Path(str(program.__file__))
        path.write_text(f"{path.read_text(encoding='utf-8')}\n\nfor _ in range(3):\n    step()\n", encoding="utf-8")
        return run_script(path)
    if kind.asked_by == "diagnose_step":
        door = getattr(gradcheck_lm, "diagnose_step", None)
        assert door is not None, "there is no diagnose_step yet"
        return door(program.step, program.model, program.optimizer, steps=2)
    assert kind.asked_by in ("diagnose", "check_values")
    options = {"check_values": True} if kind.asked_by == "check_values" else {}
    return diagnose(program.loss, getattr(program, "wrt", None) or program.model, **options)


def runnable(kind: Kind) -> pytest.ParameterSet:
    # strict: the branch that decides a kind has to say so in the kind's file
    marks = [] if kind.decided else [pytest.mark.xfail(strict=True, reason=f"nothing looks for {kind.code} yet")]
    return pytest.param(kind, id=kind.name, marks=marks)


@pytest.mark.parametrize("kind", [runnable(kind) for kind in ALL if kind.asked_by != "two ranks"])
def test_the_example_gives_this_finding_and_what_stands_instead_gives_none(kind: Kind, tmp_path: Path) -> None:
    diagnosis = asked(kind, load(kind.example, tmp_path / "example.py"))
    first = diagnosis.findings[0]
    assert (first.kind, first.code, first.severity) == (kind.name, kind.code, kind.severity), str(diagnosis)
    assert first.file == str(tmp_path / "example.py")
    assert first.line
    healthy = asked(kind, load(kind.instead, tmp_path / "instead.py"))
    assert healthy.ok, str(healthy)
    assert healthy.findings == (), str(healthy)


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind.asked_by != "two ranks"], ids=lambda kind: kind.name)
def test_both_programs_run_by_themselves(kind: Kind, tmp_path: Path) -> None:
    for name, source in (("example", kind.example), ("instead", kind.instead)):
        program = load(source, tmp_path / f"{name}.py")
        if kind.asked_by not in STEPS:
            assert isinstance(program.loss(), torch.Tensor | float)
            assert hasattr(program, "model")
            continue
        if name == "example" and kind.name == "grad_is_none":  # Python refuses: that is the finding
            with pytest.raises(AttributeError, match="NoneType"):
                program.step()
            continue
        program.step()
        if name == "example" and kind.name == "graph_used_up":  # torch refuses: that is the finding
            with pytest.raises(RuntimeError, match="a second time"):
                program.step()
        else:
            program.step()


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_a_kind_is_written_out(kind: Kind) -> None:
    assert kind.asked_by in DOORS
    assert kind.severity in ("error", "warning")
    assert re.fullmatch(r"GF\d{3}", kind.code)
    assert re.fullmatch(r"\d+\.\d+\.\d+", kind.since)
    assert kind.example != kind.instead
    assert all(max(map(len, source.splitlines())) <= 100 for source in (kind.example, kind.instead))
    for source in (kind.example, kind.instead):
        compile(source, kind.code, "exec")
    causes = [cause.id for cause in (kind.about, *kind.causes)]
    assert causes[0] == ""
    assert len(set(causes)) == len(causes)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in causes[1:])
    for cause in kind.causes:
        values = dict.fromkeys(cause.fields, "X")
        for language in ("en", "ja"):
            wording = kind.say(cause.id, values, language)
            assert "{" not in re.sub(r"\{(name: made|名前: 作った重み)[^}]*\}|\{\"params\"[^}]*\}", "", wording.why)


def test_a_file_is_named_after_what_it_holds() -> None:
    assert [path.stem for path in FILES] == [f"{kind.code.lower()}_{kind.name}" for kind in ALL]
    for path, kind in zip(FILES, ALL, strict=True):
        assert path.read_text(encoding="utf-8").startswith(f'"""{kind.code} {kind.name}: ')


def test_an_operation_has_one_cause_in_a_kind() -> None:
    for kind in ALL:
        names = [name for cause in kind.causes for name in cause.operations]
        assert len(set(names)) == len(names), kind.name


def test_the_cause_fits_the_operation() -> None:
    zero = KINDS["zero_gradient"]
    assert [zero.cause_at(name) for name in ("round", "relu", "clamp", "softmax", "mul", "conv3d")] == [
        "rounding", "dead_relu", "clamped", "one_class", "zero_factor", "",
    ]  # fmt: skip
    weight = torch.full((3,), -2.0, requires_grad=True)
    (one,) = diagnose(lambda: weight.relu().sum(), {"weight": weight}).errors
    assert one.cause == "dead_relu"
    assert not any("round" in cure for cure in one.cures)
    (one,) = diagnose(lambda: (weight * torch.zeros(3)).sum(), {"weight": weight}).errors
    assert one.cause == "zero_factor"
    assert "zero" in one.why


def test_codes_and_names_are_unique_and_spent_codes_stay_spent() -> None:
    twin = dataclasses.replace(ALL[0], name="another")
    with pytest.raises(ValueError, match="GF101 is both 'discrete_op' and 'another'"):
        collected([*ALL, twin], SPENT)
    with pytest.raises(ValueError, match="'discrete_op' is both GF101 and GF999"):
        collected([*ALL, dataclasses.replace(ALL[0], code="GF999")], SPENT)
    with pytest.raises(ValueError, match=r"GF999 \(another\) was 'old' once"):
        collected([*ALL, dataclasses.replace(twin, code="GF999")], {"GF999": "old"})
    assert not set(SPENT) & {kind.code for kind in ALL}


def test_kinds_stand_in_the_order_of_their_codes() -> None:
    assert [kind.code for kind in ALL] == sorted(kind.code for kind in ALL)
    assert [kind.code for kind in collected(reversed(ALL), {}).values()] == [kind.code for kind in ALL]


def test_a_kind_is_found_by_code_and_by_name() -> None:
    assert kind_of("gf101") is kind_of("GF101") is kind_of(" discrete_op ") is kind_of("Discrete-Op") is ALL[0]
    assert kind_of("GF999") is None


def test_an_unknown_cause_is_refused() -> None:
    with pytest.raises(KeyError, match="GF102 integer_cast has no cause 'argmax'"):
        KINDS["integer_cast"].say("argmax")


PLACES = {"Draft": 99, "_at_line": 1, "_at_node": 1}  # where the cause stands; 99: by its name alone
ASKING = sorted(Path(flow.__file__).parent.glob("*/**/*.py"))


def told_in(path: Path) -> set[tuple[str, str]]:
    """(kind, cause) of the drafts that a file writes out, and of the ways to make one."""
    found = set()
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = getattr(call.func, "id", "") if isinstance(call, ast.Call) else ""
        if isinstance(call, ast.Call) and name in PLACES:
            start = 2 if "stepping" in path.parts else PLACES[name]
            written = call.args[start : start + 1]
            written += [keyword.value for keyword in call.keywords if keyword.arg == "cause"]
            texts = [str(one.value) for one in (*call.args[:1], *written) if isinstance(one, ast.Constant)]
            if len(texts) == 2:
                found.add((texts[0], texts[1]))
    return found


def test_every_cause_that_a_question_names_is_in_its_kinds_file() -> None:
    told = {one for path in ASKING for one in told_in(path)}
    assert len(told) >= 25
    assert {("never_stepped", "scaler_skips"), ("mode_flips", "recurrent_in_eval")} <= told
    for kind, cause in sorted(told):
        assert KINDS[kind].cause(cause).id == cause
