"""The terms of a loss under inquiry: given by name, or read off the sum that made it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from gradcheck_lm.flow.findings.notes import FREED, STOPS
from gradcheck_lm.flow.gradients.autograd import Gradients, gradients
from gradcheck_lm.flow.gradients.subjects import number_of
from gradcheck_lm.flow.rerunning import links
from gradcheck_lm.flow.rerunning.replay import Experiment
from gradcheck_lm.flow.tracing.graph import Dataflow
from gradcheck_lm.flow.tracing.sums import Addend, addends_of, edges_of, fallback_name, number_adders
from gradcheck_lm.flow.watching.recorder import Recorder


@dataclass
class Strand:
    """One term of the loss under inquiry."""

    name: str
    token: int
    value: float
    requires_grad: bool
    gradients: Gradients
    root: torch.Tensor | None  # None: a plain number


class TermReader:
    """The part of an inquiry that finds the terms and their gradients."""

    recording: Recorder
    flow: Dataflow
    names: list[str]
    tensors: list[torch.Tensor]
    roots: list[int]
    notes: list[str]
    make_experiment: Callable[[Callable[[str], None]], Experiment | None] | None
    _asked: Experiment | None
    _edges: tuple[Strand, dict[int, Any]] | None = None  # of the loss whose addends were looked for last

    def _experiment(self) -> Experiment | None:
        if self._asked is None and self.make_experiment is not None:
            self._asked = self.make_experiment(self.notes.append)
        return self._asked

    def _strand(self, name: str, value: torch.Tensor | float) -> Strand:
        if not isinstance(value, torch.Tensor):
            token = self.recording.number(value)
            nothing = Gradients([None] * len(self.tensors), [False] * len(self.tensors), [True] * len(self.tensors))
            self.flow = Dataflow(self.recording, links.observed_links(self.recording))
            return Strand(name, token, value, False, nothing, None)
        token = self.recording.see(value)
        found = gradients(value, self.tensors)
        if found.note:
            self.notes.append(STOPS.told(error=found.note) if found.refused else FREED.told())
        return Strand(name, token, number_of(value), value.requires_grad, found, value)

    def _split(self, loss: Strand) -> list[Strand]:
        """The addends of a sum, where one of them is dead and another is not; else the loss as it is."""
        if loss.root is None or self._is_dead(loss):
            return [loss]
        reached, exports = self.flow.descendants(self.roots)
        adders = number_adders(self.recording, loss.token, set(reached)) if exports else []
        tree = addends_of(self.recording, loss.token, set(reached), set())
        silent = [leaf.token for leaf in tree.leaves() if leaf.token not in reached] if len(tree.leaves()) > 1 else []
        if exports and (adders or silent):  # a number that left may have come back in one of the addends
            links.ask(self.flow, self.roots, [*silent, *([loss.token] if adders else [])], self._experiment(), adders)
            reached, exports = self.flow.descendants(self.roots)
        suspects = {call for call in adders if any(link.source in exports for link in self.flow.into.get(call, ()))}
        tree = addends_of(self.recording, loss.token, set(reached), suspects)
        return self._merge(loss, tree, reached) if len(tree.leaves()) > 1 else [loss]

    def _merge(self, loss: Strand, tree: Addend, reached: dict[int, int]) -> list[Strand]:
        """Neighbouring addends of the same fate become one term again."""
        assert loss.root is not None
        cache: dict[int, Strand] = {}
        for leaf in tree.leaves():
            cache[id(leaf)] = self._addend_strand(loss, leaf)
        fates = {id(leaf): self._fate(cache[id(leaf)], leaf, reached, tree, cache) for leaf in tree.leaves()}
        if "dead" not in fates.values() or "live" not in fates.values() or self._stands_in(tree, fates, cache):
            return [loss]
        groups: list[tuple[Addend, str]] = []
        stack = [tree]
        while stack:
            addend = stack.pop()
            kinds = {fates[id(leaf)] for leaf in addend.leaves()} - {"constant"}
            if len(kinds) == 1:
                groups.append((addend, kinds.pop()))
            elif kinds:
                stack.extend(reversed(addend.parts))
        strands: list[Strand] = []
        for addend, _ in groups:
            strand = self._addend_strand(loss, addend)
            strand.name = name = addend.name or fallback_name(self.recording, addend.token)
            known = {other.name for other in strands}
            count = 2
            while strand.name in known:
                strand.name, count = f"{name} #{count}", count + 1
            strands.append(strand)
        return strands

    def _fate(
        self, strand: Strand, leaf: Addend, reached: dict[int, int], tree: Addend, cache: dict[int, Strand]
    ) -> str:
        if any(strand.gradients.norms[position] is not None for position in range(len(self.names))):
            return "live"
        if leaf.host_call is None and leaf.token not in reached:
            return "constant"
        if leaf.host_call is None:
            others = [other.token for other in tree.leaves() if other is not leaf and cache[id(other)].requires_grad]
            ways = self.flow.distances([leaf.token])
            if any(other in ways.tokens for other in others):
                return "constant"  # surrogate + (value - surrogate).detach(): a live addend stands in for it
        return "dead"

    def _stands_in(self, tree: Addend, fates: dict[int, str], cache: dict[int, Strand]) -> bool:
        """value.detach() + (surrogate - surrogate.detach()): every live addend is there for its gradient alone."""
        silent: set[int] = set()  # leaves of a part of the sum that is exactly zero
        stack = [tree]
        while stack:
            addend = stack.pop()
            kept = self.recording.scalars.get(addend.token)
            if addend.parts and kept is not None and float(kept) == 0.0:
                silent.update(id(leaf) for leaf in addend.leaves())
            stack.extend(addend.parts)
        leaves = tree.leaves()
        fixed = [leaf for leaf in leaves if fates[id(leaf)] == "constant" and leaf.host_call is None]
        live = [leaf for leaf in leaves if fates[id(leaf)] == "live"]
        return all(any(self._is_copy(copy, leaf, id(leaf) in silent, cache) for copy in fixed) for leaf in live)

    def _is_copy(self, copy: Addend, leaf: Addend, silent: bool, cache: dict[int, Strand]) -> bool:
        same = silent or cache[id(copy)].value == cache[id(leaf)].value
        return same and leaf.token in self.flow.distances([copy.token]).tokens

    def _addend_strand(self, loss: Strand, addend: Addend) -> Strand:
        assert loss.root is not None
        count = len(self.tensors)
        nothing = Gradients([None] * count, [False] * count, [True] * count)
        if addend.host_call is not None:
            call = self.recording.calls[addend.host_call]
            number = next((value for value in call.host or () if isinstance(value, float)), float("nan"))
            token = self.recording.number(number)
            source = self.flow.into.get(addend.host_call, [])
            pseudo = self.recording.tokens[token].producer
            for link in list(source):
                self.flow.add(type(link)(link.source, pseudo, link.certainty))
            return Strand(addend.name, token, number, False, nothing, None)
        made = self.recording.tokens[addend.token]
        if self._edges is None or self._edges[0] is not loss:
            self._edges = loss, edges_of(loss.root, self.recording)
        edge = self._edges[1].get(made.producer) if made.requires_grad else None
        found = gradients(loss.root, self.tensors, edge) if edge is not None else nothing
        kept = self.recording.scalars.get(addend.token)
        value = float(kept) if kept is not None else float("nan")
        return Strand(
            addend.name, addend.token, value, made.requires_grad, found, loss.root if edge is not None else None
        )

    def _is_dead(self, strand: Strand) -> bool:
        return not any(strand.gradients.reaches(position) for position in range(len(self.names)))
