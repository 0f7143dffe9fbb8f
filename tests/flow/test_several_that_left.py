"""A number computed from several values that left torch: each of them is told, not the last one alone."""

from __future__ import annotations

from marked_lines import DATA, LAYER, marked_line
from torch import Tensor, tensor

from gradcheck_lm.flow import diagnose


def lines_of(kind: str, fn) -> list[int | None]:
    return [finding.line for finding in diagnose(fn, LAYER).errors if finding.kind == kind]


def test_both_ends_of_a_margin() -> None:
    def hinge() -> Tensor:
        output = LAYER(DATA)
        near = output.max().item()  # <- near
        far = output.min().item()  # <- far
        return tensor(max(0.0, near - far + 0.3))

    assert lines_of("left_torch", hinge) == [marked_line(__file__, "near"), marked_line(__file__, "far")]


def test_what_only_steers_or_is_only_printed_is_no_such_value(capsys) -> None:
    def steered() -> Tensor:
        output = LAYER(DATA)
        print(output.sum().item())
        scale = 2.0 if output.mean() > 0 else 3.0
        index = int(output.sum(0).argmax().item())
        value = output.max().item()  # <- value
        return tensor(value * scale + index)

    assert lines_of("left_torch", steered) == [marked_line(__file__, "value")]
    assert capsys.readouterr().out
