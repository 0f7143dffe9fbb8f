"""The always-on meter for a training loop: cheap between its looks, and it never stops a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.flow.subjects import named_tensors
from gradcheck_lm.flow.terms import attribute, structural_zeros

Writer = Callable[[str], None]


class GradientWatch:
    """Looks at the gradients every N steps and says when one stops arriving.

    In the loop, after backward() and before optimizer.step():

        watch = GradientWatch(model, every=10)
        for batch in loader:
            terms = {"ctc": ctc, "lm": 0.1 * lm}
            watch.terms(terms)              # optional: one backward pass a term, on the steps looked at
            sum(terms.values()).backward()
            watch.step()
            optimizer.step()

    Args:
        wrt: the model, or tensors.
        every: look at every so many steps; the first step is always looked at.
        write: where events go, one line each: a function such as print (the default), or the path of a JSONL file.
    """

    def __init__(self, wrt: Any, *, every: int = 10, write: Writer | str | Path | None = print) -> None:
        if every < 1:
            raise ArgumentError(f"every is {every}; it is a number of steps, at least 1.")
        self.named, _ = named_tensors(wrt)
        self.wrt = wrt
        self.every = every
        self.steps = 0
        self.history: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self._write = write
        self._state: dict[str, str] = {}
        self._expected = frozenset(structural_zeros(wrt))

    @property
    def due(self) -> bool:
        """Whether this step is one that is looked at."""
        return self.steps % self.every == 0

    def terms(self, terms: Mapping[str, Any], *, scale: float = 1.0) -> dict[str, Any] | None:
        """Look at each term's gradient, before backward(); None on steps not looked at.

        Args:
            terms: name -> one number of the graph that is about to be differentiated. scale: as in `attribute`.
        """
        if not self.due:
            return None
        try:
            table = attribute(terms, self.wrt, scale=scale)
        except Exception as error:  # a meter must not stop the run it watches
            self._event("unreadable", "terms", str(error))
            return None
        for name in table.terms:
            dead = name in table.dead
            self._change(f"term {name}", "dead" if dead else "live", f"value {table.values[name]:.4g}")
        entry = {"step": self.steps, "terms": table.to_dict()}
        self.history.append(entry)
        return entry

    def step(self, *, scale: float = 1.0) -> dict[str, Any] | None:
        """Look at `.grad`, after backward() and before zero_grad(); None on steps not looked at.

        Args:
            scale: what the loss was multiplied by, e.g. GradScaler.get_scale(), unless unscale_ has been called.
        """
        due, step = self.due, self.steps
        try:
            return self._look(step, scale) if due else None
        except Exception as error:
            self._event("unreadable", "gradients", str(error))
            return None
        finally:
            self.steps += 1

    def _look(self, step: int, scale: float) -> dict[str, Any]:
        names = [name for name, tensor in self.named.items() if tensor.requires_grad and tensor.grad is not None]
        grads = [self.named[name].grad for name in names]
        dense = [grad.coalesce().values() if grad.is_sparse else grad for grad in grads if grad is not None]
        norms = torch._foreach_norm([grad.detach().float() for grad in dense]) if dense else []
        values = torch.stack([norm.to(norms[0].device) for norm in norms]).tolist() if norms else []
        by_name = {name: value / scale for name, value in zip(names, values, strict=True)}
        for name, tensor in self.named.items():
            if tensor.requires_grad:
                self._change(name, self._judge(name, by_name.get(name)), "")
        total = sum(value * value for value in by_name.values()) ** 0.5
        entry = {"step": step, "norm": total, "norms": by_name}
        self.history.append(entry)
        return entry

    def _judge(self, name: str, norm: float | None) -> str:
        if norm is None:
            return "unreached"
        if norm != norm or norm == float("inf"):
            return "non_finite"
        return "zero" if norm == 0.0 and name not in self._expected else "live"

    def _change(self, name: str, state: str, detail: str) -> None:
        before = self._state.get(name)
        self._state[name] = state
        if before == state or (before is None and state == "live"):
            return
        self._event(state, name, detail if before is None else f"was {before}" + (f", {detail}" if detail else ""))

    def _event(self, state: str, name: str, detail: str) -> None:
        event = {"step": self.steps, "what": name, "state": state, "detail": detail}
        self.events.append(event)
        text = f"step {self.steps}: {name} is {state}" + (f" ({detail})" if detail else "")
        try:
            if isinstance(self._write, str | Path):
                with Path(self._write).open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(event) + "\n")
            elif self._write is not None:
                self._write(text)
        except Exception:  # a full disk or a closed terminal is no reason to lose a training run
            self._write = None
