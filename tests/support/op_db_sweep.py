"""torch's own operator database, held against the recorder: run as a script, for importing the database changes torch.

    python tests/support/op_db_sweep.py REPORT.json [--samples N] [--dtype float32]

For each operation, variant (function, method, in place, alias) and sample: what the recorder predicts where no input
requires grad ("could a gradient have survived?"), what autograd does where they all do, and whether the recorder
changed a value.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from op_db_truth import ALIVE, NONE, REFUSED, ZERO, prepare, tensors_in, truth
from torch.testing._internal.common_methods_invocations import op_db

from gradcheck_lm.flow.tracing.graph import Dataflow
from gradcheck_lm.flow.watching.recorder import Recorder

Program = Callable[[], Any]
# Values that are whatever lay in memory, or (LAPACK's) depend in the last bit on where the memory lies.
_NOT_TO_THE_BIT = ("empty", "new_empty", "resize", "linalg.lstsq")


def watched(program: Program) -> tuple[Recorder, Any]:
    recorder = Recorder()
    with recorder:
        result = program()
    return recorder, result


def ways(recorder: Recorder, sources: list[torch.Tensor], result: Any) -> list[list[tuple[str, ...] | None]]:
    """Per output and input: the kinds of cut between them; None where no way leads."""
    outputs = [recorder.see(tensor) for tensor in tensors_in(result)]
    roots = [recorder.token_of(tensor) for tensor in sources]
    flow, table = Dataflow(recorder.recording, []), []
    for output in outputs:
        distances = flow.distances([output])
        table.append(
            [
                tuple(cut.kind for cut in distances.cuts_from(root)) if root in distances.tokens else None
                for root in roots
            ]
        )
    return table


def variants(op: Any) -> Iterator[tuple[str, Callable[..., Any], bool]]:
    """(name, callable, changes its input) of each way to call an operation."""
    yield "function", op.op, True  # some of the database's functions are in-place methods in disguise
    if op.method_variant is not None:
        yield "method", op.method_variant, False
    if op.inplace_variant is not None:
        yield "in place", op.inplace_variant, True
    for alias in op.aliases:
        yield f"alias {alias.name}", alias.op, False


def survives(row: list[tuple[str, ...] | None]) -> bool:
    return any(kinds == () for kinds in row)


class Sweep:
    """Counts and faults of one sweep."""

    def __init__(self) -> None:
        self.skipped: collections.Counter[str] = collections.Counter()
        self.faults: collections.Counter[tuple[str, ...]] = collections.Counter()
        self.pairs: collections.Counter[tuple[str, ...]] = collections.Counter()
        self.operations: set[str] = set()
        self.variants: set[tuple[str, str]] = set()
        self.samples = self.outputs = self.inputs = 0

    def run(self, dtype: torch.dtype, most: int | None) -> None:
        for op in op_db:
            if dtype not in op.supported_dtypes("cpu"):
                self.skipped["the operation does not take this dtype on a CPU"] += 1
                continue
            ways_to_call = list(variants(op))
            flat: dict[str, list[bool]] = {}  # per variant: all gradients were zero though predicted alive
            for sample in itertools.islice(op.sample_inputs("cpu", dtype, requires_grad=False), most):
                for variant, function, on_copy in ways_to_call:
                    if isinstance(sample.input, torch.Tensor) or variant not in ("method", "in place"):
                        flat.setdefault(variant, []).extend(self.sample(op, variant, function, sample, on_copy))
            for variant, zeros in flat.items():
                if most is None and zeros and all(zeros):
                    self.faults[op.full_name, variant, "predicted a gradient", "it is zero in every sample"] += len(
                        zeros
                    )

    def sample(self, op: Any, variant: str, function: Callable[..., Any], sample: Any, on_copy: bool) -> list[bool]:
        """Hold one call against autograd; per output with a predicted gradient: whether autograd's was zero."""
        sources, program = prepare(function, sample, set(), on_copy=on_copy)
        seen: tuple[Recorder, Any] | RuntimeError
        try:
            seen = watched(program)
        except Exception as watching:
            try:
                prepare(function, sample, set(), on_copy=on_copy)[1]()
            except Exception as error:  # in place into a tensor too small, jiterator without CUDA
                self.skipped[f"torch refuses the call itself: {type(error).__name__}"] += 1
                return []
            if not isinstance(watching, RuntimeError):
                raise
            seen = watching
        self.operations.add(op.full_name)
        self.variants.add((op.full_name, variant))
        self.samples += 1
        try:
            if isinstance(seen, RuntimeError):
                raise seen
            return self._compare((op.full_name, variant), function, sample, on_copy, sources, *seen)
        except RuntimeError as error:
            self.faults[op.full_name, variant, "no answer from autograd", str(error)[:60]] += 1
            return []

    def _compare(
        self, name: tuple[str, str], function: Callable[..., Any], sample: Any, on_copy: bool,
        sources: list[torch.Tensor], recorder: Recorder, result: Any,
    ) -> list[bool]:  # fmt: skip
        predicted = ways(recorder, sources, result)
        actual, outputs = truth(function, sample, on_copy=on_copy)
        self._unchanged(name, function, sample, on_copy, actual, outputs)
        zeros = []
        for kinds, states, output in zip(predicted, actual, tensors_in(result), strict=True):
            if output.numel() == 0 or all(source.numel() == 0 for source in sources):
                continue  # nothing in it that a gradient could belong to
            self.outputs += 1
            alive, expected = survives(kinds), ALIVE in states or ZERO in states
            only_zero = expected and ALIVE not in states
            told = sorted({kind for each in kinds if each for kind in each})
            if alive and not expected:
                self.faults[(*name, "predicted a gradient", states[0])] += 1
            elif not alive and ALIVE in states:
                self.faults[(*name, f"predicted {told or 'no way'}", ALIVE)] += 1
            elif not alive and told == ["zero_gradient"] and not only_zero:
                self.faults[(*name, "predicted zero_gradient", states[0])] += 1
            if alive:
                zeros.append(only_zero)
            self._pairs(name, kinds, states)
        return zeros

    def _pairs(self, name: tuple[str, str], kinds: list[tuple[str, ...] | None], states: list[str]) -> None:
        """The same input by input: an index or a shape carries nothing, whatever the others do."""
        for way, state in zip(kinds, states, strict=True):
            self.inputs += 1
            if (way == ()) and state in (NONE, REFUSED):
                self.pairs[(*name, "predicted a gradient", state)] += 1
            elif way != () and state == ALIVE:
                self.pairs[(*name, f"predicted {way}", state)] += 1

    def _unchanged(
        self, name: tuple[str, str], function: Callable[..., Any], sample: Any, on_copy: bool, actual: list[list[str]],
        plain: list[torch.Tensor] | None,
    ) -> None:  # fmt: skip
        """With inputs that require grad: the same values to the bit, and a way wherever autograd has one; `plain`: the
        values where all inputs did, as autograd gave them."""
        refused = {number for row in actual for number, state in enumerate(row) if state == REFUSED}
        grad = set(range(len(actual[0]) if actual else 0)) - refused
        if plain is None:
            plain = tensors_in(prepare(function, sample, grad, on_copy=on_copy)[1]())
        sources, program = prepare(function, sample, grad, on_copy=on_copy)
        recorder, result = watched(program)
        for before, after in zip(plain, tensors_in(result), strict=True):
            if not name[0].startswith(_NOT_TO_THE_BIT) and not same(before, after):
                self.faults[(*name, "recorded", "another value than without the recorder")] += 1
        for row, states, output in zip(ways(recorder, sources, result), actual, tensors_in(result), strict=True):
            kinds = [way for way, source in zip(row, sources, strict=True) if source.requires_grad]
            if output.requires_grad and ALIVE in states and not survives(kinds):
                self.faults[(*name, "a live way was called cut", str(kinds[0]))] += 1
            if not output.requires_grad and survives(kinds):
                self.faults[(*name, "a cut way was called live", NONE)] += 1

    def report(self) -> dict[str, Any]:
        return {
            "torch": torch.__version__,
            "operations": sorted(self.operations),
            "variants": len(self.variants),
            "samples": self.samples,
            "outputs": self.outputs,
            "inputs": self.inputs,
            "skipped": dict(self.skipped),
            "faults": [[*key, count] for key, count in sorted(self.faults.items())],
            "pairs": [[*key, count] for key, count in sorted(self.pairs.items())],
        }


def same(before: torch.Tensor, after: torch.Tensor) -> bool:
    return before.shape == after.shape and before.dtype == after.dtype and torch.equal(bits(before), bits(after))


def bits(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes of its values: NaN equals itself, and 0.0 differs from -0.0."""
    tensor = tensor.detach() if tensor.layout is torch.strided else tensor.detach().to_dense()
    values = torch.empty(tensor.numel(), dtype=tensor.dtype)
    return values.copy_(tensor.reshape(-1)).view(torch.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report")
    parser.add_argument("--samples", type=int, default=None, help="of each operation; all by default")
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # the database's own samples use what torch calls deprecated
    torch.set_num_threads(1)
    sweep = Sweep()
    sweep.run(getattr(torch, options.dtype), options.samples)
    with open(options.report, "w", encoding="utf-8") as file:
        json.dump(sweep.report(), file, indent=1)


if __name__ == "__main__":
    main()
