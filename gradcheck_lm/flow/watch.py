"""The always-on meter for a training loop: cheap between its looks, and it never stops a run."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.display import Displayed
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.flow.diagnose import Run, record
from gradcheck_lm.flow.events import LOGGER, WELL, Events, Writer
from gradcheck_lm.flow.findings.model import Finding
from gradcheck_lm.flow.gradients.attribution.attribution import Attribution
from gradcheck_lm.flow.gradients.attribution.attributor import Attributor, loss_scale
from gradcheck_lm.flow.gradients.structural import structural_zeros
from gradcheck_lm.flow.gradients.subjects import named_tensors
from gradcheck_lm.flow.history import History
from gradcheck_lm.flow.updates import Updates, overdue


class GradientWatch(Displayed):
    """Looks at the gradients every N steps and says when one stops arriving, and when it comes back.

    In the loop, after backward() and before optimizer.step():

        watch = GradientWatch(model, every=10)
        for batch in loader:
            with watch.recording():         # optional: the line of a cut; costs nothing on the other steps
                terms = {"ctc": ctc(batch), "lm": 0.1 * lm(batch)}
            watch.terms(terms)              # optional: one backward pass a term, on the steps looked at
            sum(terms.values()).backward()
            watch.step()
            optimizer.step()

    With the optimizer, GradientWatch(model, optimizer), it also says when an update stops arriving: a weight that gets
    a gradient and does not move or that no optimizer holds, or an optimizer that no longer steps. With gradient
    accumulation call `terms` for every micro-batch and `step` once: a term is dead where it is dead in all of them.

    Args:
        wrt: the model, or tensors; `model.parameters()` too.
        optimizer: the optimizer, or several in a list or dict: its steps are measured, on the steps looked at.
        every: look at every so many steps; the first step is always looked at.
        write: where events go, one line each: a logger (by default `logging.getLogger("gradcheck_lm")`, what is broken
            as a warning), a function such as print, the path of a JSONL file, or None.
        keep: how many looks `history` holds; older ones are dropped.
    Raises:
        ArgumentError: an option has a value that cannot work, or what stands for an optimizer is none.
        TraceError: wrt holds no tensor.
    """

    def __init__(
        self,
        wrt: Any,
        optimizer: Any = None,
        *,
        every: int = 10,
        write: Writer | logging.Logger | str | Path | None = LOGGER,
        keep: int = 1000,
    ) -> None:
        if every < 1:
            raise ArgumentError(f"every is {every}; it is a number of steps, at least 1.")
        if isinstance(wrt, Iterator):  # it is read more than once below
            wrt = list(wrt)
        self.named, _ = named_tensors(wrt)
        self.wrt = wrt
        self.every = every
        self.steps = 0
        self.history = History(keep=keep)
        self._events = Events(write)
        self._expected = set(structural_zeros(wrt))
        self._meter = Attributor(wrt)
        self._trail: dict[str, deque[tuple[int, torch.Tensor | None]]] = {}  # a term's value at the steps between looks
        self._run: Run | None = None
        self._findings: dict[str, Finding] = {}
        self._updates = None if optimizer is None else Updates(optimizer, self.named)
        self._stepped_at = 0  # the last step at which an optimizer was seen to have stepped
        self._measured: dict[str, Any] | None = None  # the entry whose update is awaited

    @property
    def events(self) -> list[dict[str, Any]]:
        """What was said: step, what, state, detail, text, and with a line code, kind, file and line."""
        return self._events.events

    @property
    def due(self) -> bool:
        """Whether this step is one that is looked at."""
        return self.steps % self.every == 0

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Around forward pass and loss: on steps looked at, what is found dead is told with file and line."""
        self._run = record() if self.due else None
        if self._run is None:
            yield
        else:
            with self._run:
                yield

    def terms(self, terms: Mapping[str, Any], *, scale: Any = 1.0) -> dict[str, Any] | None:
        """Look at each term's gradient, before backward(); None on steps not looked at.

        Args:
            terms: name -> one number of the graph that is about to be differentiated. scale: as in `attribute`.
        """
        try:
            self._follow(terms)
            if not self.due:
                return None
            self._meter.add(terms, scale=scale)
            self._explain(terms)
        except Exception as error:  # a meter must not stop the run it watches
            self._events.add(self.steps, "unreadable", "terms", str(error))
            return None
        return {"step": self.steps, "micro_batches": self._meter.micro_batches}

    def step(self, *, scale: Any = 1.0) -> dict[str, Any] | None:
        """Look at `.grad`, after backward() and before zero_grad(); None on steps not looked at.

        Args:
            scale: what the loss was multiplied by: a number or the GradScaler, unless unscale_ has been called.
        """
        due, step = self.due, self.steps
        try:
            self._judge_updates()
            return self._look(step, loss_scale(scale)) if due else None
        except Exception as error:
            self._events.add(self.steps, "unreadable", "gradients", str(error))
            return None
        finally:
            self._run = None  # it names lines and holds no tensor; its step is over
            self._findings = {}
            self.steps += 1

    def _headline(self) -> str:
        ill = sum(state not in WELL for state, _ in self._events.states.values())
        return f"{self.steps} steps, looked at every {self.every}; {f'{ill} ill' if ill else 'all well'}"

    def __str__(self) -> str:
        lines = [f"{self.steps} steps, looked at every {self.every}"]
        ill = [(name, state, step) for name, (state, step) in self._events.states.items() if state not in WELL]
        lines += [f"  now {state}: {name} (step {step})" for name, state, step in ill] or ["  all gradients arrive"]
        return "\n".join([*lines, *("  " + event["text"] for event in self.events)])

    # ------------------------------------------------------------------ one look

    def _look(self, step: int, scale: float) -> dict[str, Any]:
        entry: dict[str, Any] = {"step": step}
        if self._meter.micro_batches:
            table = self._meter.result()
            self._expected.update(table.structural_zeros)
            self._judge_terms(table)
            entry["terms"] = table.to_dict()
        by_name = self._norms(scale)
        for name, tensor in self.named.items():
            if tensor.requires_grad:
                self._events.change(step, name, self._judge(name, by_name.get(name)), "", self._findings.get(name))
        entry["norm"] = sum(value * value for value in by_name.values()) ** 0.5
        entry["norms"] = by_name
        self.history.append(entry)
        if self._updates is not None:
            self._updates.ask()
            self._measured = entry
        return entry

    def _norms(self, scale: float) -> dict[str, float]:
        names = [name for name, tensor in self.named.items() if tensor.requires_grad and tensor.grad is not None]
        grads = [grad for name in names if (grad := self.named[name].grad) is not None]
        dense = [(grad.coalesce().values() if grad.is_sparse else grad).detach() for grad in grads]
        wide = [grad.float() if grad.dtype in (torch.float16, torch.bfloat16) else grad for grad in dense]
        norms = torch._foreach_norm(wide) if wide else []
        values = torch.stack([norm.to(norms[0].device, torch.float64) for norm in norms]).tolist() if norms else []
        return {name: value / scale for name, value in zip(names, values, strict=True)}

    # ------------------------------------------------------------------ updates

    def close(self) -> None:
        """Take the hooks off the optimizer; nothing is measured afterwards."""
        if self._updates is not None:
            self._updates.remove()
            self._updates = None

    def updated(self) -> dict[str, Any] | None:
        """After optimizer.step(): what the last look says of its update, without waiting for the next step.

        Returns:
            That look, whose `updates` and `ratios` are filled in; None where nothing was measured.
        """
        self._judge_updates()
        return self.history[-1] if self.history and "updates" in self.history[-1] else None

    def _judge_updates(self) -> None:
        """What became of the gradients of the last look, once its optimizers have stepped."""
        if self._updates is None:
            return
        if self._updates.stepped:
            self._stepped_at, self._updates.stepped = self.steps, False
            self._events.change(self.steps, "optimizer", "stepping")
        elif overdue(self.steps, self._stepped_at, self.every):
            known = "optimizer" in self._events.states
            self._events.change(self.steps, "optimizer", "not stepping", "" if known else "no step() so far")
        entry, taken = self._measured, self._updates.taken()
        if entry is None or not taken:
            return
        self._measured = None
        entry["updates"] = {name: far for one in taken for name, far in one.moved.items()}
        entry["ratios"] = {name: ratio for one in taken for name, ratio in one.ratios.items()}
        fed = [name for name, norm in entry["norms"].items() if 0 < norm < float("inf")]
        states = self._updates.states(fed, taken, early=len(self.history) == 1)
        for state, detail in dict.fromkeys(states.values()):
            names = [name for name in fed if states[name] == (state, detail)]
            self._events.change_together(entry["step"], names, state, detail)

    def _judge(self, name: str, norm: float | None) -> str:
        if norm is None:
            return "unreached"
        if norm != norm or norm == float("inf"):
            return "non_finite"
        return "zero" if norm == 0.0 and name not in self._expected else "live"

    def _judge_terms(self, table: Attribution) -> None:
        for name in table.terms:
            dead = name in table.dead
            detail = f"value {table.values[name]:.4g}"
            if dead and (since := self._stands_since(name)) is not None:
                detail += f", which has not changed since step {since}"
            named = f"term {name}"
            self._events.change(self.steps, named, "dead" if dead else "live", detail, self._findings.get(named))

    def _explain(self, terms: Mapping[str, Any]) -> None:
        """Where a term has newly died in a recorded step: the finding that names its line."""
        if self._run is None:
            return
        dead = {
            name: value
            for name, value in terms.items()
            if self._meter.dead(str(name)) and self._events.states.get(f"term {name}", ("live", 0))[0] == "live"
        }
        fresh = not self._events.states and any(tensor.requires_grad for tensor in self.named.values())
        if not dead and not fresh:
            return
        for finding in self._run.diagnose(dict(terms), self.wrt).errors:
            if finding.term is not None:
                self._findings.setdefault(f"term {finding.term}", finding)
            for tensor in finding.tensors:
                self._findings.setdefault(tensor, finding)

    # ------------------------------------------------------------------ since when

    def _follow(self, terms: Mapping[str, Any]) -> None:
        """Keep a term's value of every step since the last looks: a copy of one number, and no wait for the device."""
        for name, value in terms.items():
            trail = self._trail.get(str(name))
            if trail is None:
                trail = self._trail[str(name)] = deque(maxlen=2 * self.every)
            trail.append((self.steps, value.detach().clone() if isinstance(value, torch.Tensor) else None))

    def _stands_since(self, name: str) -> int | None:
        """The first of the steps up to now at which the term had the value that it has now; None: only now."""
        trail = list(self._trail.get(name, ()))
        if not trail or trail[-1][1] is None:
            return None
        last, since = trail[-1][1], trail[-1][0]
        for step, value in reversed(trail):
            if value is None or not torch.equal(value, last):
                break
            since = step
        return since if since < self.steps else None
