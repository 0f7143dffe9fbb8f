"""One diagnosis in the making: gradients first, then the ways along which they should have come."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

from gradcheck_lm.flow.asking.drafts import Chain, Draft, mark
from gradcheck_lm.flow.asking.terms import Strand
from gradcheck_lm.flow.asking.vanishing import Vanishing
from gradcheck_lm.flow.findings.model import Diagnosis, Term
from gradcheck_lm.flow.gradients.autograd import Autograd, OurPasses
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.rerunning import links
from gradcheck_lm.flow.rerunning.replay import Experiment
from gradcheck_lm.flow.tracing.graph import Cut, Dataflow, Distances
from gradcheck_lm.flow.tracing.picture import flow_graph
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.sites import Site

_ARITHMETIC = words(
    """
    add sub mul div neg mean sum to float __rsub__ __radd__ __rmul__ add_ sub_ mul_ div_ clone
    """
)
_OUT_OF_SIGHT = (
    "what runs in another thread or process or in a torch.jit script is out of the recorder's sight: if wrt reaches "
    "the loss through one of them, look for the cut in there"
)
_NOTED = frozenset(["detach", "grad_disabled", "discrete_op", "integer_cast", "sampling", "new_leaf"])


class Inquiry(Vanishing):
    """Answers for one recording, one set of tensors and one loss."""

    _read: set[int] | None = None  # tokens that any call reads

    def __init__(
        self,
        recording: Recorder,
        wrt: dict[str, torch.Tensor],
        terms: dict[str, torch.Tensor | float],
        *,
        given: bool,
        explicit: bool,
        experiment: Callable[[Callable[[str], None]], Experiment | None] | None = None,
        autograd: Autograd | None = None,
    ) -> None:
        self.recording = recording
        self.names = list(wrt)
        self.tensors = list(wrt.values())
        self.given = given
        self.autograd = autograd or OurPasses()
        self.make_experiment = experiment
        self.notes: list[str] = []
        self.values = terms
        tokens = (recording.token_of(tensor) for tensor in self.tensors)
        self.roots = [
            _first_token(recording, token, tensor) for token, tensor in zip(tokens, self.tensors, strict=True)
        ]
        wanted = [position for position, tensor in enumerate(self.tensors) if explicit or tensor.requires_grad]
        self.wanted = wanted or list(range(len(self.tensors)))
        self.frozen = [position for position in range(len(self.tensors)) if position not in set(self.wanted)]
        self.flow = Dataflow(recording, links.observed_links(recording))
        self.chain = Chain(recording)
        self.benign = set()
        self.fed = set()
        self._asked: Experiment | None = None

    # ------------------------------------------------------------------ the answer

    def answer(self) -> Diagnosis:
        """All questions in order."""
        strands = [self._strand(name, value) for name, value in self.values.items()]
        if not self.given:
            strands = self._split(strands[0])
        dead = [strand for strand in strands if self._is_dead(strand)]
        distances = {strand.name: self.flow.distances([strand.token]) for strand in strands}
        for strand in dead:
            distances[strand.name] = self._explain_dead(strand, distances[strand.name], strands)
        unreached, zero, bad = self._sorted(strands)
        if len(dead) < len(strands):
            self._explain_unreached(unreached, strands)
        self.fed = {p for p in range(len(self.names)) if any(strand.gradients.reaches(p) for strand in strands)}
        self._explain_deaths(unreached, zero, bad, strands)
        structural = self._structural_zeros(zero)
        self._note_frozen()
        self._note_other_cuts(distances)
        return self._diagnosis(strands, dead, unreached, zero, structural, bad, distances)

    def _diagnosis(
        self,
        strands: list[Strand],
        dead: list[Strand],
        unreached: list[int],
        zero: list[int],
        structural: set[int],
        bad: list[int],
        distances: dict[str, Distances],
    ) -> Diagnosis:
        made = self.chain.findings()
        marked = {call: position for position, (call, _) in reversed(list(enumerate(made))) if call is not None}
        graph, ids = flow_graph(
            self.flow,
            wrt={name: root for name, root in zip(self.names, self.roots, strict=True)},
            terms={strand.name: strand.token for strand in strands},
            distances=distances,
            marked=marked,
            norms=dict(zip(self.names, self._norms(strands), strict=True)),
        )
        return Diagnosis(
            ok=not dead and not unreached and not bad and all(position in structural for position in zero),
            findings=mark([finding for _, finding in made], ids, [call for call, _ in made]),
            terms={strand.name: self._term(strand) for strand in strands},
            unreached=tuple(self.names[position] for position in unreached),
            zero=tuple(self.names[position] for position in zero),
            graph=graph,
            notes=tuple(dict.fromkeys(self.notes)),
            wrt=tuple(self.names),
        )

    def _term(self, strand: Strand) -> Term:
        reaches = tuple(self.names[index] for index in range(len(self.names)) if strand.gradients.reaches(index))
        return Term(strand.name, strand.value, strand.requires_grad, reaches, not reaches, strand.gradients.norm)

    def _norms(self, strands: list[Strand]) -> list[float | None]:
        columns = ([strand.gradients.norms[index] for strand in strands] for index in range(len(self.names)))
        return [max((norm for norm in column if norm is not None), default=None) for column in columns]

    # ------------------------------------------------------------------ what is starved

    def _sorted(self, strands: list[Strand]) -> tuple[list[int], list[int], list[int]]:
        unreached, zero, bad = [], [], []
        for position in self.wanted:
            columns = [strand.gradients for strand in strands]
            if all(column.norms[position] is None for column in columns):
                unreached.append(position)
            elif all(column.norms[position] is None or column.zero[position] for column in columns):
                zero.append(position)
            if any(not column.finite[position] for column in columns):
                bad.append(position)
        return unreached, zero, bad

    # ------------------------------------------------------------------ explanations

    def _explain_dead(self, strand: Strand, ways: Distances, strands: list[Strand]) -> Distances:
        """The cuts on the shortest ways from wrt to a dead term."""
        label = strand.name if self.given or len(strands) > 1 else None
        if strand.requires_grad and any(norm is not None for norm in strand.gradients.norms):
            return ways  # connected, and zero: told by the nodes of the backward pass
        if self._explain_refusal(strand, ways, label):
            return ways
        if self._doubtful(ways):
            links.ask(self.flow, self.roots, [strand.token], self._experiment())
            ways = self.flow.distances([strand.token])
        self._frozen_errors(strand, ways, label)
        starts = [root for root in self.roots if root in ways.tokens]
        if not starts:
            self._constant(strand.token, label, ())
            return ways
        least = min(ways.tokens[root][:3] for root in starts)
        found = 0
        for root in starts[:400]:
            if ways.tokens[root][:3] == least:
                found += self.chain.follow(ways, root, term=label)
        if not found and all(self.tensors[position].requires_grad for position in self.wanted):
            self._opaque(strand, label)
        return ways

    def _doubtful(self, ways: Distances) -> bool:
        starts = [root for root in self.roots if root in ways.tokens]
        if not starts:
            return True
        best = min(starts, key=lambda root: ways.tokens[root])
        for index, source, _ in ways.way(best):
            if source is None and all(link.certainty == "likely" for link in self.flow.into.get(index, ())):
                return True
        return False

    def _explain_unreached(self, unreached: list[int], strands: list[Strand]) -> None:
        """The cuts between each tensor without gradient and a term of the loss."""
        if not unreached:
            return
        ends = [strand.token for strand in strands]
        ways = self.flow.distances(ends)
        missing = [position for position in unreached if self.roots[position] not in ways.tokens]
        if any(self.flow.descendants([self.roots[position]])[1] for position in missing):
            links.ask(self.flow, [self.roots[position] for position in missing], ends, self._experiment())
            ways = self.flow.distances(ends)
        for position in unreached:
            tensor, name, root = self.tensors[position], self.names[position], self.roots[position]
            if not tensor.requires_grad:
                self._frozen(position, "error")
            elif root not in ways.tokens:
                self._constant(ends[0], None, (name,), root=root)
            else:
                self.chain.follow(ways, root, tensor=name)

    def _used(self, root: int) -> bool:
        if self._read is None:
            self._read = {token for call in self.recording.calls for token in call.inputs}
        return root in self._read

    def _frozen_errors(self, strand: Strand, ways: Distances, label: str | None) -> None:
        if all(not self.tensors[position].requires_grad for position in self.wanted):
            for position in self.wanted:
                if self.roots[position] in ways.tokens:
                    self._frozen(position, "error", label)

    def _frozen(self, position: int, severity: str, term: str | None = None) -> None:
        site, call = self._freezing(self.roots[position], self.tensors[position])
        draft = Draft("frozen", call, "certain", severity, site=site, op="requires_grad=False")
        self.chain.put(draft, key=("frozen", site), term=term, tensor=self.names[position])

    def _freezing(self, root: int, tensor: torch.Tensor) -> tuple[Site | None, int | None]:
        """Where requires_grad was switched off, if that was seen; else where the tensor is first used."""
        first: tuple[Site | None, int | None] = (None, None)
        for index, call in enumerate(self.recording.calls):
            if root in call.inputs:
                if call.operation.marks_leaf:
                    return call.site, index
                if first == (None, None):
                    first = call.site, index
        return first

    def _constant(self, token: int, term: str | None, names: tuple[str, ...], *, root: int | None = None) -> None:
        """The line that made a term without the tensors asked about."""
        index = self.recording.tokens[token].producer
        for _ in range(1000):
            if index < 0:
                break
            call = self.recording.calls[index]
            before = [value for value in call.inputs if value >= 0 and self.recording.tokens[value].producer >= 0]
            if call.operation.name not in _ARITHMETIC or len(before) != 1:
                break
            index = self.recording.tokens[before[0]].producer
        why = None
        if names and root is not None:
            used = self._used(root)
            why = (
                "It is used in this run, and nothing computed from it reaches the loss."
                if used
                else "No operation of this run uses it: its module is never called, or another object is trained."
            )
        elif not any(self._used(root) for root in self.roots):
            why = "No operation of this run uses what wrt holds: its module is never called, or another object is used."
        self.notes.append(_OUT_OF_SIGHT)
        draft = Draft("constant", index if index >= 0 else None, "certain", why=why)
        key = ("constant", index, why)
        for name in names or (None,):
            self.chain.put(draft, key=key, term=term, tensor=name)

    def _opaque(self, strand: Strand, label: str | None) -> None:
        self.notes.append(
            f"term {strand.name!r} descends from wrt and no cut was seen on the way: look at custom "
            "autograd.Functions, compiled regions and other threads, which the recorder cannot look into"
        )

    # ------------------------------------------------------------------ notes

    def _note_frozen(self) -> None:
        for position in self.frozen:
            self._frozen(position, "note")

    def _note_other_cuts(self, distances: dict[str, Distances], most: int = 20) -> None:
        """Cuts on the user's own lines that starve nothing, because another way is live."""
        reached, _ = self.flow.descendants(self.roots)
        leading: set[int] = set()
        for ways in distances.values():
            leading.update(ways.tokens)
        for index, call in enumerate(self.recording.calls):
            if most == 0:
                return
            if not call.live or call.site is None or call.site.library_code is not None:
                continue
            for output in call.outputs:
                kinds = self._cut_kinds(index, output, reached) if output in leading else ()
                for kind in kinds:
                    if kind in _NOTED and call.operation.name != "grad.__get__":  # an optimizer reads it
                        most -= 1
                        self.chain.add(Cut(index, kind), certainty="certain", severity="note")

    def _cut_kinds(self, index: int, output: int, reached: Iterable[int]) -> tuple[str, ...]:
        call = self.recording.calls[index]
        known = reached if isinstance(reached, dict) else dict.fromkeys(reached)
        sources = [token for token in call.inputs if token in known and self.recording.tokens[token].requires_grad]
        return self.flow.cuts(index, sources[0], output) if sources else ()


def _first_token(recording: Recorder, token: int | None, tensor: torch.Tensor) -> int:
    """The token a tensor had when the run began: in-place changes come after it."""
    if token is None:
        return recording.see(tensor)
    while (producer := recording.tokens[token].producer) >= 0:
        call = recording.calls[producer]
        before = [value for value in call.inputs if value >= 0]
        overwritten = call.operation.derivative.overwrites
        if not tensor.is_leaf or not call.operation.in_place or overwritten or not before:
            break
        token = before[0]
    return token
