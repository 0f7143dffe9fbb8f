"""Gradient that was switched off: the operation, and the line that switched it off."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from marked_lines import DATA, LAYER, is_at, marked_line, marked_text
from script_files import write
from torch import Tensor

from gradcheck_lm.flow import diagnose
from gradcheck_lm.flow.scripts.runner import run_script


def by_context(value: Tensor) -> Tensor:
    with torch.no_grad():  # <- context scope
        return value.tanh().sum()  # <- context


@torch.no_grad()  # <- decorator scope
def by_decorator(value: Tensor) -> Tensor:
    return value.tanh().sum()  # <- decorator


def by_call(value: Tensor) -> Tensor:
    torch.set_grad_enabled(False)  # <- call scope
    result = value.tanh().sum()  # <- call
    torch.set_grad_enabled(True)
    return result


def by_inference_mode(value: Tensor) -> Tensor:
    with torch.inference_mode():  # <- inference scope
        return value.tanh().sum()  # <- inference


@torch.inference_mode()  # <- inference decorator scope
def by_inference_decorator(value: Tensor) -> Tensor:
    return value.tanh().sum()  # <- inference decorator


@pytest.mark.parametrize(
    ("fn", "mark"),
    [
        (by_context, "context"),
        (by_decorator, "decorator"),
        (by_call, "call"),
        (by_inference_mode, "inference"),
        (by_inference_decorator, "inference decorator"),
    ],
)
def test_the_operation_and_the_line_that_switched_gradient_off(fn: Callable[[Tensor], Tensor], mark: str) -> None:
    diagnosis = diagnose(lambda: fn(LAYER(DATA)), LAYER)
    (finding,) = diagnosis.errors
    assert finding.kind == "grad_disabled"
    assert is_at(finding, __file__, mark)
    assert marked_text(finding) == ".tanh()"
    assert finding.scope == (__file__, marked_line(__file__, mark + " scope"))
    text = re.sub(r"\s+", " ", str(diagnosis))
    assert f"{Path(__file__).name}:{finding.line} in {fn.__name__} torch.Tensor.tanh" in text
    assert f"gradient was switched off at tests/flow/{Path(__file__).name}:{finding.scope[1]}" in text


def test_a_call_that_switches_it_off_is_no_block() -> None:
    def left_off(value: Tensor) -> Tensor:
        torch.set_grad_enabled(False)
        return value.tanh().sum()

    def as_a_block(value: Tensor) -> Tensor:
        with torch.set_grad_enabled(False):
            return value.tanh().sum()

    class Frozen:
        def __enter__(self) -> None:
            torch.set_grad_enabled(False)

        def __exit__(self, *_: object) -> None:
            torch.set_grad_enabled(True)

    def by_a_block_of_its_own(value: Tensor) -> Tensor:
        with Frozen():
            return value.tanh().sum()

    @torch.set_grad_enabled(False)
    def decorated(value: Tensor) -> Tensor:
        return value.tanh().sum()

    causes = {}
    for fn in (by_call, left_off, as_a_block, by_a_block_of_its_own, by_context, by_decorator, decorated):
        (finding,) = diagnose(lambda fn=fn: fn(LAYER(DATA)), LAYER).errors
        causes[fn] = finding.cause
    assert causes == {
        by_call: "by_call", left_off: "by_call", as_a_block: "", by_a_block_of_its_own: "", by_context: "",
        by_decorator: "", decorated: "",
    }  # fmt: skip


def test_blocks_under_a_script_are_blocks_too(tmp_path: Path) -> None:
    """A script's recorder is built on the other and stands between it and what switches gradient."""
    script = write(
        tmp_path / "train.py",
        """
        import torch
        model = torch.nn.Linear(3, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(2):
            with torch.no_grad():
                with torch.enable_grad():
                    output = model(torch.ones(1, 3))
                score = output.tanh()
            torch.set_grad_enabled(True)
            optimizer.zero_grad()
            score.sum().requires_grad_().backward()
            optimizer.step()
        """,
    )
    finding = next(one for one in run_script(script, until="end").findings if one.kind == "grad_disabled")
    assert (finding.line, finding.scope, finding.cause) == (8, (str(script), 5), "")
    text = script.read_text().replace("with torch.no_grad():", "torch.set_grad_enabled(False)\n    if True:")
    script.write_text(text, encoding="utf-8")
    finding = next(one for one in run_script(script, until="end").findings if one.kind == "grad_disabled")
    assert (finding.scope, finding.cause) == ((str(script), 5), "by_call")


def test_gradient_is_on_again_after_the_question() -> None:
    def left_off() -> Tensor:
        value = LAYER(DATA).sum()
        torch.set_grad_enabled(False)
        return torch.tensor(value.item())  # a value that leaves torch: the function is run again

    try:
        for _ in range(2):
            diagnosis = diagnose(left_off, LAYER)
            assert [finding.kind for finding in diagnosis.errors][:1] == ["left_torch"]
            assert diagnosis.errors[0].certainty == "confirmed"
            assert torch.is_grad_enabled()
        with torch.no_grad():
            diagnose(lambda: LAYER(DATA).sum(), LAYER)
            assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)


def test_off_before_the_run_began() -> None:
    with torch.no_grad():
        diagnosis = diagnose(lambda: LAYER(DATA).sum(), LAYER)
    (finding,) = diagnosis.errors
    assert finding.scope is None
    assert finding.why.endswith("It was off already when the run began.")
