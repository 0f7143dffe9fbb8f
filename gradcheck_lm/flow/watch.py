"""The always-on meter for a training loop: cheap between its looks, and it never stops a run."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.flow.diagnose import Run, record
from gradcheck_lm.flow.findings.model import Finding
from gradcheck_lm.flow.findings.paths import short_path
from gradcheck_lm.flow.gradients.attribution import Attribution
from gradcheck_lm.flow.gradients.attributor import Attributor, loss_scale
from gradcheck_lm.flow.gradients.structural import structural_zeros
from gradcheck_lm.flow.gradients.subjects import named_tensors

Writer = Callable[[str], None]


class GradientWatch:
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

    With gradient accumulation call `terms` for every micro-batch and `step` once: a term is dead where it is dead in
    all of them.

    Args:
        wrt: the model, or tensors.
        every: look at every so many steps; the first step is always looked at.
        write: where events go, one line each: a function such as print (the default), or the path of a JSONL file.
        keep: how many looks `history` holds; older ones are dropped.
    """

    def __init__(
        self, wrt: Any, *, every: int = 10, write: Writer | str | Path | None = print, keep: int = 1000
    ) -> None:
        if every < 1:
            raise ArgumentError(f"every is {every}; it is a number of steps, at least 1.")
        self.named, _ = named_tensors(wrt)
        self.wrt = wrt
        self.every = every
        self.steps = 0
        self.history: deque[dict[str, Any]] = deque(maxlen=keep)
        self.events: list[dict[str, Any]] = []
        self._write = write
        self._state: dict[str, tuple[str, int]] = {}  # name -> (state, step of the last look)
        self._expected = set(structural_zeros(wrt))
        self._meter = Attributor(wrt)
        self._trail: dict[str, deque[tuple[int, torch.Tensor | None]]] = {}  # a term's value at the steps between looks
        self._run: Run | None = None
        self._findings: dict[str, Finding] = {}

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
            self._event("unreadable", "terms", str(error))
            return None
        return {"step": self.steps, "micro_batches": self._meter.micro_batches}

    def step(self, *, scale: Any = 1.0) -> dict[str, Any] | None:
        """Look at `.grad`, after backward() and before zero_grad(); None on steps not looked at.

        Args:
            scale: what the loss was multiplied by: a number or the GradScaler, unless unscale_ has been called.
        """
        due, step = self.due, self.steps
        try:
            return self._look(step, loss_scale(scale)) if due else None
        except Exception as error:
            self._event("unreadable", "gradients", str(error))
            return None
        finally:
            self._run = None  # it names lines and holds no tensor; its step is over
            self._findings = {}
            self.steps += 1

    def __str__(self) -> str:
        lines = [f"{self.steps} steps, looked at every {self.every}"]
        ill = [(name, state, step) for name, (state, step) in self._state.items() if state != "live"]
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
                self._change(name, self._judge(name, by_name.get(name)), "")
        entry["norm"] = sum(value * value for value in by_name.values()) ** 0.5
        entry["norms"] = by_name
        self.history.append(entry)
        return entry

    def _norms(self, scale: float) -> dict[str, float]:
        names = [name for name, tensor in self.named.items() if tensor.requires_grad and tensor.grad is not None]
        grads = [grad for name in names if (grad := self.named[name].grad) is not None]
        dense = [(grad.coalesce().values() if grad.is_sparse else grad).detach() for grad in grads]
        wide = [grad.float() if grad.dtype in (torch.float16, torch.bfloat16) else grad for grad in dense]
        norms = torch._foreach_norm(wide) if wide else []
        values = torch.stack([norm.to(norms[0].device, torch.float64) for norm in norms]).tolist() if norms else []
        return {name: value / scale for name, value in zip(names, values, strict=True)}

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
            self._change(f"term {name}", "dead" if dead else "live", detail)

    def _explain(self, terms: Mapping[str, Any]) -> None:
        """Where a term has newly died in a recorded step: the finding that names its line."""
        if self._run is None:
            return
        dead = {
            name: value
            for name, value in terms.items()
            if self._meter.dead(str(name)) and self._state.get(f"term {name}", ("live", 0))[0] == "live"
        }
        fresh = not self._state and any(tensor.requires_grad for tensor in self.named.values())
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

    # ------------------------------------------------------------------ events

    def _change(self, name: str, state: str, detail: str) -> None:
        before = self._state.get(name)
        self._state[name] = (state, self.steps)
        if (before is not None and before[0] == state) or (before is None and state == "live"):
            return
        was = "" if before is None else f"was {before[0]} at step {before[1]}"
        self._event(state, name, ", ".join(part for part in (was, detail) if part), self._findings.get(name))

    def _event(self, state: str, name: str, detail: str, finding: Finding | None = None) -> None:
        event: dict[str, Any] = {"step": self.steps, "what": name, "state": state, "detail": detail}
        text = f"step {self.steps}: {name} is {state}" + (f" ({detail})" if detail else "")
        if finding is not None:
            event |= {"code": finding.code, "kind": finding.kind, "file": finding.file, "line": finding.line}
            text += f": {finding.code} {finding.title}, {short_path(finding.file)}:{finding.line}"
        self.events.append(event | {"text": text})
        try:
            if isinstance(self._write, str | Path):
                with Path(self._write).open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(event) + "\n")
            elif self._write is not None:
                self._write(text)
        except Exception:  # a full disk or a closed terminal is no reason to lose a training run
            self._write = None
