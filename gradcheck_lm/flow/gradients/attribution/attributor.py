"""The sums behind an attribution: each term's gradient, added up over micro-batches and averaged over processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed

from gradcheck_lm.errors import TraceError, class_of
from gradcheck_lm.flow.gradients.attribution.attribution import ALL, Attribution
from gradcheck_lm.flow.gradients.attribution.shares import Gradients, alive, finite, grouped, measure, shared
from gradcheck_lm.flow.gradients.autograd import gradient_values, graph_is_freed
from gradcheck_lm.flow.gradients.structural import cancels, measured, shifts
from gradcheck_lm.flow.gradients.subjects import loss_terms, named_tensors, number_of


class Attributor:
    """Adds up each term's gradient over the micro-batches of one optimizer step, then says who teaches what.

        meter = Attributor(model)
        for batch in micro_batches:
            terms = {"ctc": ctc(batch) / n, "lm": 0.1 * lm(batch) / n}
            meter.add(terms)                 # before backward()
            sum(terms.values()).backward()
        print(meter.result())                # of the sum, as the optimizer sees it

    Norms of a sum are not the sum of norms: micro-batches that pull apart cancel here as they do in `.grad`. One copy
    of the gradients a term is held between `add` and `result`.

    Args:
        wrt, depth, across_ranks: as in `attribute`.
    """

    def __init__(self, wrt: Any, *, depth: int = 1, across_ranks: bool = False) -> None:
        self.named, _ = named_tensors(wrt)
        self.depth = depth
        self.across_ranks = across_ranks
        self._parallel = isinstance(wrt, torch.nn.parallel.DistributedDataParallel)
        self._clear()

    def _clear(self) -> None:
        self.micro_batches = 0
        self._sums: dict[str, Gradients] = {}
        self._values: dict[str, float] = {}
        self._shifted: dict[str, bool] = {}  # candidate -> it cancelled every time
        self._notes: list[str] = []

    def add(self, terms: Mapping[str, Any], *, scale: Any = 1.0, scaler: Any = None) -> None:
        """One micro-batch; arguments and errors as in `attribute`."""
        if not isinstance(terms, Mapping):
            raise TraceError(
                f"terms is {class_of(terms)}; pass a dict from names to terms, e.g. {{'ctc': ctc, 'lm': lm}}."
            )
        factor, multiply = _factor(scale, scaler)
        values, _ = loss_terms(terms, source="terms")
        found = {name: self._gradients(name, value, factor, multiply) for name, value in values.items()}
        self.micro_batches += 1  # only now: a term that cannot be read must not leave half a sum
        for name, gradients in found.items():
            kept = self._sums.setdefault(name, {})
            for key, gradient in gradients.items():
                kept[key] = kept[key] + gradient if key in kept else gradient
            number = number_of(values[name]) / (1.0 if multiply else factor)
            self._values[name] = self._values.get(name, 0.0) + number

    def _gradients(self, term: str, value: torch.Tensor | float, factor: float, multiply: bool) -> Gradients:
        if not isinstance(value, torch.Tensor) or not value.requires_grad:
            return {}
        if multiply and factor != 1.0:
            value = value.float() * factor if value.dtype in (torch.float16, torch.bfloat16) else value * factor
        candidates = shifts(value.grad_fn, self.named)
        try:
            with measured(candidates):
                found = gradient_values(value, list(self.named.values()))
        except RuntimeError as error:
            if graph_is_freed(error):
                raise TraceError("backward() has already freed the graph; call attribute before it.") from error
            raise
        kept: Gradients = {}
        for name, gradient in zip(self.named, found, strict=True):
            if gradient is not None:
                dense = gradient.detach().to_dense() if gradient.is_sparse else gradient.detach()
                kept[name] = dense.to(torch.promote_types(dense.dtype, torch.float32)) / factor
        for shift in candidates:
            if shift.key in kept and shift.arrived is not None and float(shift.arrived) > 0:
                again = cancels(shift, kept[shift.key] * factor)
                self._shifted[shift.key] = self._shifted.get(shift.key, True) and again
        bad = [name for name, fine in zip(kept, finite(list(kept.values())), strict=True) if not fine]
        self._notes.extend(f"the gradient of {term} at {name} holds NaN or infinity" for name in bad)
        return kept

    def dead(self, term: str) -> bool:
        """Whether nothing that was added for a term so far holds a gradient that is not zero."""
        return not any(alive({term: self._sums.get(term, {})}).values())

    def result(self) -> Attribution:
        """The table of all that was added since the last one; the sums are forgotten.

        Raises:
            TraceError: nothing was added.
        """
        if not self.micro_batches:
            raise TraceError("nothing was added: call add(terms) before backward(), then result().")
        ranks = self._average() if self.across_ranks else 1
        if self._parallel and not self.across_ranks and (size := _processes()) > 1:
            self._notes.append(
                f"gradients of process {torch.distributed.get_rank()} of {size} alone, before they are averaged; "
                "across_ranks=True averages them"
            )
        groups = grouped(self.named, self.depth)
        norms, cosines = measure(self._sums, groups)
        structural = tuple(name for name, again in self._shifted.items() if again)
        fed = {name for name, live in alive(self._sums).items() if live}
        answer = Attribution(
            terms=tuple(self._sums),
            modules=tuple(groups),
            values=dict(self._values),
            table=shared(norms),
            cosines=cosines,
            dead=tuple(name for name in self._sums if norms[name][ALL] == 0.0),
            structural_zeros=structural,
            notes=tuple(dict.fromkeys(self._notes)),
            starved=tuple(
                name
                for name, tensor in self.named.items()
                if tensor.requires_grad and name not in fed and name not in structural
            ),
            micro_batches=self.micro_batches,
            ranks=ranks,
        )
        self._clear()
        return answer

    def _average(self) -> int:
        """Average over processes; a tensor that only some of them reach counts as zero on the others."""
        size = _processes()
        if size == 1:
            return 1
        device = next(iter(self.named.values())).device
        for term, gradients in self._sums.items():
            reached = torch.tensor([name in gradients for name in self.named], dtype=torch.int32, device=device)
            torch.distributed.all_reduce(reached)
            for name, count in zip(self.named, reached.tolist(), strict=True):
                if count:
                    tensor = self.named[name]
                    kind = torch.promote_types(tensor.dtype, torch.float32)
                    mine = gradients[name] if name in gradients else torch.zeros_like(tensor, dtype=kind)
                    mine = mine.detach().clone()
                    torch.distributed.all_reduce(mine)
                    gradients[name] = mine / size
            value = torch.tensor(self._values[term], dtype=torch.float64, device=device)
            torch.distributed.all_reduce(value)
            self._values[term] = float(value) / size
        return size


def _processes() -> int:
    ready = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if ready else 1


def loss_scale(scale: Any) -> float:
    """A loss scale as a number: a number itself, or what a GradScaler multiplies by now."""
    value = float(scale.get_scale() if hasattr(scale, "get_scale") else scale)
    if not 0 < value < float("inf"):
        raise TraceError(f"scale is {value:g}; it is what the loss was multiplied by, a number above 0.")
    return value


def _factor(scale: Any, scaler: Any) -> tuple[float, bool]:
    """What gradients are divided by, and whether the terms must be multiplied by it first."""
    if scaler is None:
        return loss_scale(scale), False
    if hasattr(scale, "get_scale") or scale != 1.0:
        raise TraceError(
            "scale= and scaler= were both given: scale= where the terms are multiplied already, scaler= where not yet."
        )
    return loss_scale(scaler), True


def attribute(
    terms: Mapping[str, Any],
    wrt: Any,
    *,
    depth: int = 1,
    scale: Any = 1.0,
    scaler: Any = None,
    across_ranks: bool = False,
) -> Attribution:
    """Gradient norm, share and cosine of each term of a loss, per module.

    Args:
        terms: name -> one number, as tensors of a graph that still stands (before backward() frees it). Weights belong
            in: pass 0.1 * lm if that is what enters the loss.
        wrt: the model (wrapped in DistributedDataParallel or not), a dict of tensors or modules, or tensors.
        depth: how many components of a parameter's name make a module's name.
        scale: what the terms were multiplied by: a number, or the GradScaler that did it; norms and values are divided
            by it.
        scaler: the GradScaler that will multiply the loss, where these terms are not multiplied yet: they are for
            their own backward passes, so that halves do not underflow to a zero that training does not see.
        across_ranks: average the gradients over all processes, as DistributedDataParallel does; every process must
            make the call. Otherwise the table is of this process's own batch, and says so.
    Returns:
        Attribution.
    Raises:
        TraceError: a term is not one finite number, wrt holds no tensor, or the graph has been freed.
    Gradient: none is left behind; one backward pass a term.
    """
    meter = Attributor(wrt, depth=depth, across_ranks=across_ranks)
    meter.add(terms, scale=scale, scaler=scaler)
    return meter.result()
