"""The terms of a loss under inquiry: given by name, or read off the sum that made it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from gradcheck_lm.flow.asking.evidence.subjects import Subjects
from gradcheck_lm.flow.gradients.autograd import Gradients
from gradcheck_lm.flow.gradients.engine import Engine
from gradcheck_lm.flow.gradients.subjects import number_of
from gradcheck_lm.flow.rerunning import links
from gradcheck_lm.flow.rerunning.replay import Experiment
from gradcheck_lm.flow.tracing.graph import Dataflow, HostLink
from gradcheck_lm.flow.tracing.sums import Addend, addends_of, fallback_name, nodes_of, number_adders
from gradcheck_lm.flow.watching.recorder import Recorder

_TO_FLOAT = frozenset(["float", "double", "half", "bfloat16", "to", "type"])
_MOST_WAYS = 20  # tensors from which the ways to one addend are followed
MakeExperiment = Callable[[Callable[[str], None]], Experiment | None]


@dataclass(frozen=True)
class Strand:
    """One term of the loss under inquiry."""

    name: str
    token: int
    value: float
    requires_grad: bool
    gradients: Gradients
    root: torch.Tensor | None  # None: a plain number
    edge: Any = None  # its place in the root's graph, where it is an addend of the root

    @property
    def is_dead(self) -> bool:
        """No tensor asked about gets a gradient from it that is not zero."""
        return not any(self.gradients.reaches(place) for place in range(len(self.gradients.norms)))

    @property
    def is_connected(self) -> bool:
        """Some tensor asked about gets a gradient from it, if only a zero."""
        return any(norm is not None for norm in self.gradients.norms)


class Asker:
    """Asks how values depend on numbers that left torch: by experiment, where the program can be run again."""

    def __init__(self, make: MakeExperiment | None) -> None:
        self.notes: list[str] = []
        self._make = make
        self._experiment: Experiment | None = None

    def ask(self, flow: Dataflow, roots: list[int], ends: list[int], adders: list[int] | None = None) -> None:
        """Add the links found between the roots and the ends to the flow."""
        if self._experiment is None and self._make is not None:
            self._experiment = self._make(self.notes.append)
        links.ask(flow, roots, ends, self._experiment, adders or [])


def read_terms(
    recorder: Recorder, subjects: Subjects, values: dict[str, torch.Tensor | float], autograd: Engine
) -> list[Strand]:
    """The terms as they were given, with their gradients."""
    return [_strand(recorder, subjects, name, value, autograd) for name, value in values.items()]


def _strand(recorder: Recorder, subjects: Subjects, name: str, value: torch.Tensor | float, autograd: Engine) -> Strand:
    if not isinstance(value, torch.Tensor):
        return Strand(name, recorder.number(value), value, False, _nothing(subjects), None)
    token = recorder.see(value)
    found = autograd.gradients(value, subjects.tensors)
    return Strand(name, token, number_of(value), value.requires_grad, found, value)


def _nothing(subjects: Subjects) -> Gradients:
    count = len(subjects)
    return Gradients([None] * count, [False] * count, [True] * count)


class Splitter:
    """Tells the addends of one loss apart where one of them is dead and another is not."""

    def __init__(
        self, recorder: Recorder, subjects: Subjects, flow: Dataflow, asker: Asker, autograd: Engine, loss: Strand
    ) -> None:
        self.recorder = recorder
        self.recording = recorder.recording
        self.subjects = subjects
        self.flow = flow
        self.asker = asker
        self.autograd = autograd
        self.loss = loss
        self._nodes: dict[int, Any] | None = None  # of the loss's graph, by call

    def strands(self) -> list[Strand]:
        """The addends of the sum, those of one fate together; the loss as it is where all have the same."""
        loss, flow, recording = self.loss, self.flow, self.recording
        if loss.root is None or loss.is_dead:
            return [loss]
        roots = [self.subjects.roots[place] for place in self.subjects.wanted]  # of frozen ones a term is a constant
        reached, exports = flow.descendants(roots)
        adders = number_adders(recording, loss.token, set(reached)) if exports else []
        tree = addends_of(recording, loss.token, set(reached), set())
        silent = [leaf.token for leaf in tree.leaves() if leaf.token not in reached] if len(tree.leaves()) > 1 else []
        if exports and (adders or silent):  # a number that left may have come back in one of the addends
            self.asker.ask(flow, roots, [*silent, *([loss.token] if adders else [])], adders)
            reached, exports = flow.descendants(roots)
        suspects = {call for call in adders if any(link.source in exports for link in flow.into.get(call, ()))}
        tree = addends_of(recording, loss.token, set(reached), suspects)
        return self._merge(tree, reached) if len(tree.leaves()) > 1 else [loss]

    def _merge(self, tree: Addend, reached: dict[int, int]) -> list[Strand]:
        """Neighbouring addends of the same fate become one term again."""
        cache = {id(leaf): self._addend(leaf) for leaf in tree.leaves()}
        fates = {id(leaf): self._fate(cache[id(leaf)], leaf, reached, tree, cache) for leaf in tree.leaves()}
        if "dead" not in fates.values() or "live" not in fates.values() or self._stands_in(tree, fates, cache):
            return [self.loss]
        groups: list[Addend] = []
        stack = [tree]
        while stack:
            addend = stack.pop()
            kinds = {fates[id(leaf)] for leaf in addend.leaves()} - {"constant"}
            if len(kinds) == 1:
                groups.append(addend)
            elif kinds:
                stack.extend(reversed(addend.parts))
        strands: dict[str, Strand] = {}
        for addend in groups:
            strand = self._addend(addend)
            name = unique = addend.name or fallback_name(self.recording, addend.token)
            count = 2
            while unique in strands:
                unique, count = f"{name} #{count}", count + 1
            strands[unique] = replace(strand, name=unique)
        return list(strands.values())

    def _fate(
        self, strand: Strand, leaf: Addend, reached: dict[int, int], tree: Addend, cache: dict[int, Strand]
    ) -> str:
        if strand.is_connected:
            return "dead" if strand.is_dead and self._is_cancelled(strand) else "live"
        if leaf.host_call is None and (leaf.token not in reached or self._is_the_librarys(leaf)):
            return "constant"
        if leaf.host_call is None:
            others = [other.token for other in tree.leaves() if other is not leaf and cache[id(other)].requires_grad]
            ways = self.flow.distances([leaf.token])
            if any(other in ways.tokens for other in others):
                return "constant"  # surrogate + (value - surrogate).detach(): a live addend stands in for it
        return "dead"

    def _is_the_librarys(self, leaf: Addend) -> bool:
        """Cut inside a library alone, as the density of a point mass is: no term that the program has put there."""
        ways, calls = self.flow.distances([leaf.token]), self.recording.calls
        roots = [root for root in self.subjects.roots if root in ways.tokens]
        sites = {calls[cut.call].site for root in roots[:_MOST_WAYS] for cut in ways.cuts_from(root)}
        return bool(sites) and all(site is not None and site.library_code is not None for site in sites)

    def _is_cancelled(self, strand: Strand) -> bool:
        """Its gradients arrive, and meet with opposite signs: not a term that is merely zero in this step."""
        norms, tensors = strand.gradients.norms, self.subjects.tensors
        reached = [tensor for norm, tensor in zip(norms, tensors, strict=True) if norm is not None]
        assert strand.root is not None
        found = self.autograd.deaths(strand.root, reached, self.recording.call_of, strand.edge)
        return len(found) == len(reached) and any(
            death.state == "cancels" and not death.gentle for death in found.values()
        )

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

    def _addend(self, addend: Addend) -> Strand:
        if addend.host_call is not None:
            return self._number(addend, addend.host_call)
        assert self.loss.root is not None
        made = self.recording.tokens[addend.token]
        edge = self._edge(addend.token) if made.requires_grad else None
        found = _nothing(self.subjects)
        kept = self._number_of(addend.token)
        if edge is not None:
            found = self.autograd.gradients(self.loss.root, self.subjects.tensors, edge)
        elif made.requires_grad and (place := self._itself(addend.token)) is not None:
            found.norms[place], found.zero[place] = 1.0, False
            kept = self.subjects.tensors[place].detach() if kept is None else kept
        value = float(kept) if kept is not None else float("nan")
        root = self.loss.root if edge is not None else None
        return Strand(addend.name, addend.token, value, made.requires_grad, found, root, edge)

    def _number_of(self, token: int) -> torch.Tensor | None:
        """The number of a single value; of a whole one, as argmax gives, the one that it was cast to."""
        recording = self.recording
        kept, made = recording.scalars.get(token), recording.tokens[token]
        if kept is None and not made.shape and not made.is_float:
            casts = (call for call in recording.calls if call.inputs == (token,) and call.operation.name in _TO_FLOAT)
            found = (recording.scalars.get(output) for call in casts for output in call.outputs)
            kept = next((number for number in found if number is not None), None)
        return kept

    def _itself(self, token: int) -> int | None:
        """The tensor asked about that is added as it is: a log-variance beside the term that it weighs."""
        for place, (root, tensor) in enumerate(zip(self.subjects.roots, self.subjects.tensors, strict=True)):
            if token == root or token == self.recorder.token_of(tensor):
                return place
        return None

    def _edge(self, token: int) -> Any:
        """The place of a value in the loss's graph; unbind and split give several values at one node."""
        assert self.loss.root is not None
        if self._nodes is None:
            self._nodes = nodes_of(self.loss.root, self.recording)
        producer = self.recording.tokens[token].producer
        node = self._nodes.get(producer)
        if node is None:
            return None
        place = self.recording.calls[producer].outputs.index(token)
        return torch.autograd.graph.GradientEdge(node, place if place < len(node._input_metadata) else 0)

    def _number(self, addend: Addend, adder: int) -> Strand:
        """An addend that is a plain number, as a term with the links that lead to it."""
        host = self.recording.calls[adder].host
        number = next((value for value in host or () if isinstance(value, float)), float("nan"))
        token = self.recorder.number(number)
        pseudo = self.recording.tokens[token].producer
        for link in list(self.flow.into.get(adder, [])):
            self.flow.add(HostLink(link.source, pseudo, link.certainty))
        return Strand(addend.name, token, number, False, _nothing(self.subjects), None)
