"""All that was found out about one loss, before anything is concluded from it; nothing in here changes afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch

from gradcheck_lm.flow.asking.evidence.subjects import Subjects
from gradcheck_lm.flow.asking.evidence.terms import Asker, MakeExperiment, Splitter, Strand, read_terms
from gradcheck_lm.flow.asking.evidence.unread_arguments import Unread, unread_arguments
from gradcheck_lm.flow.findings.notes import FREED, NO_NORMS_OF_ONE_PASS, READ, STOPS
from gradcheck_lm.flow.gradients.autograd import Gradients
from gradcheck_lm.flow.gradients.deaths import Death
from gradcheck_lm.flow.gradients.engine import Autograd, Engine
from gradcheck_lm.flow.gradients.passes.own_pass import OwnPass
from gradcheck_lm.flow.gradients.passes.passes import OwnPasses
from gradcheck_lm.flow.gradients.passes.underflow import Underflow, underflows
from gradcheck_lm.flow.rerunning import links
from gradcheck_lm.flow.tracing.graph import Dataflow, Distances
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.tape import Call, Recording

_SAME_DATA = frozenset(["data.__get__", "detach", "alias"])  # how an initialisation gets at a parameter's values


@dataclass(frozen=True)
class Evidence:
    """One recording, the tensors asked about, the terms of the loss with their gradients and ways, and the deaths."""

    recording: Recording
    subjects: Subjects
    flow: Dataflow
    strands: tuple[Strand, ...]
    given: bool  # the terms were named by the caller
    distances: Mapping[str, Distances]  # per term
    ways: Distances  # to the terms together
    deaths: Mapping[str, Mapping[int, Death]]  # per term and place of a tensor
    unreached: tuple[int, ...]  # places of tensors without any gradient
    zero: tuple[int, ...]  # with one of exactly zero
    bad: tuple[int, ...]  # with NaN or infinity
    notes: tuple[str, ...] = field(default=())
    underflowed: Mapping[int, Underflow] = field(default_factory=dict)  # of `zero`, those that half precision rounds
    others: bool = False  # other optimizers hold other tensors, which are not asked about
    unread: tuple[Unread, ...] = ()  # tensors that functions were given, and that were not read

    def leads_to_a_term(self, call: Call) -> bool:
        """Whether what a call gives goes into one of the terms."""
        return any(token in self.ways.tokens for token in call.outputs)

    @cached_property
    def dead(self) -> tuple[Strand, ...]:
        """The terms that teach nothing."""
        return tuple(strand for strand in self.strands if strand.is_dead)

    @cached_property
    def fed(self) -> frozenset[int]:
        """Places of tensors whose gradient is not zero."""
        places = range(len(self.subjects))
        return frozenset(p for p in places if any(strand.gradients.reaches(p) for strand in self.strands))

    @cached_property
    def structural(self) -> tuple[int, ...]:
        """Places of tensors whose gradient is zero by construction, but for rounding."""
        found = {place for strand in self.strands for place in strand.gradients.structural}
        return tuple(sorted(found - self.fed))

    @cached_property
    def owners(self) -> Mapping[int, tuple[int, ...]]:
        """Token -> places of the tensors that it is a state of: as the run began, and after each change in place."""
        found: dict[int, tuple[int, ...]] = {}
        for place, root in enumerate(self.subjects.roots):
            found[root] = (*found.get(root, ()), place)
        for call in self.recording.calls:
            if not call.inputs or call.inputs[0] not in found:
                continue
            if call.operation.in_place or call.operation.name in _SAME_DATA:
                found.update((token, found[call.inputs[0]]) for token in call.outputs[:1])
        return found

    @cached_property
    def used(self) -> frozenset[int]:
        """Places of tensors that an operation reads; to be given values, as by an initialisation, is no use."""
        found: set[int] = set()
        for call in self.recording.calls:
            written = {place for token in call.outputs for place in self.owners.get(token, ())}
            found.update(place for token in call.inputs for place in self.owners.get(token, ()) if place not in written)
        return frozenset(found)

    @cached_property
    def without_samples(self) -> frozenset[int]:
        """Places of tensors of which all that is computed is empty: of an expert to which nothing was routed."""
        tokens, empty, filled = self.recording.tokens, set[int](), set[int]()
        for call in self.recording.calls:
            places = [place for token in call.inputs if call.live for place in self.owners.get(token, ())]
            if not places:
                continue
            for output in call.outputs:
                if output not in self.owners:
                    (empty if 0 in tokens[output].shape else filled).update(places)
        return frozenset(empty - filled)

    @cached_property
    def _versions(self) -> tuple[frozenset[int], ...]:
        found: list[set[int]] = [set() for _ in self.subjects.roots]
        for token, places in self.owners.items():
            for place in places:
                found[place].add(token)
        return tuple(map(frozenset, found))

    def versions(self, place: int) -> frozenset[int]:
        """Tokens of one tensor: as it was when the run began, and as it was after each change in place."""
        return self._versions[place]

    def label(self, strand: Strand) -> str | None:
        """A term's name, None where the loss is not a sum of several."""
        return strand.name if self.given or len(self.strands) > 1 else None


def gather(
    recorder: Recorder,
    wrt: dict[str, torch.Tensor],
    values: dict[str, torch.Tensor | float],
    *,
    given: bool,
    explicit: bool,
    others: bool = False,
    experiment: MakeExperiment | None = None,
    autograd: Engine,
) -> Evidence:
    """Ask autograd, the recording and, where it is in doubt, the program itself.

    Args:
        wrt: the tensors asked about, by name. explicit: they were named one by one.
        values: the loss's terms by name. given: the caller named them; otherwise the addends of a sum are told apart.
        others: other optimizers hold other tensors, which are not asked about.
        experiment: makes the experiment with which numbers that left torch are followed.
        autograd: who answers what the gradients are: passes of our own, or the program's.
    """
    subjects = Subjects.of(recorder, wrt, explicit=explicit)
    strands = read_terms(recorder, subjects, values, autograd)
    recording = recorder.recording
    flow = Dataflow(recording, links.observed_links(recording))
    asker = Asker(experiment)
    notes = list(dict.fromkeys(note for strand in strands for note in _told(strand.gradients)))
    if not given:
        strands = Splitter(recorder, subjects, flow, asker, autograd, strands[0]).strands()
    unreached, zero, bad = _sorted(subjects, strands)
    distances = {strand.name: _ways_to(flow, subjects, strand, asker) for strand in strands}
    all_dead = all(strand.is_dead for strand in strands)
    ways = _ways_to_all(flow, subjects, strands, [] if all_dead else unreached, asker)
    found = {strand.name: _deaths(recording, subjects, strand, (unreached, zero, bad), autograd) for strand in strands}
    return Evidence(
        recording, subjects, flow, tuple(strands), given, distances, ways, found,
        tuple(unreached), tuple(zero), tuple(bad), (*notes, *asker.notes),
        _underflowed(recording, subjects, strands, zero, autograd), others, unread_arguments(recorder),
    )  # fmt: skip


def _underflowed(
    recording: Recording, subjects: Subjects, strands: list[Strand], zero: list[int], autograd: Engine
) -> dict[int, Underflow]:
    """Of the tensors whose gradient is zero those that have another with a larger loss."""
    if isinstance(autograd, OwnPass):  # a program's own pass has freed the graph: it was asked before
        larger = {place: autograd.larger.get(id(subjects.tensors[place])) for place in zero}
        return {place: underflow for place, underflow in larger.items() if underflow is not None}
    half = any(token.dtype is torch.float16 for token in recording.tokens)
    half = half and isinstance(autograd, Autograd | OwnPasses)
    found: dict[int, Underflow] = {}
    for strand in strands if zero and half else ():
        if strand.root is None or not strand.root.requires_grad or strand.gradients.freed or strand.gradients.refused:
            continue
        tensors = [subjects.tensors[place] for place in zero]
        for position, underflow in underflows(strand.root, tensors, strand.edge).items():
            found.setdefault(zero[position], underflow)
    return found


def _told(found: Gradients) -> list[str]:
    """What a reader should know of how these gradients were found."""
    if found.refused:
        return [STOPS.told(error=found.note)]
    if found.own:
        several = any(norm != norm and fine for norm, fine in zip(found.norms, found.finite, strict=True))
        return [READ.told(), *([NO_NORMS_OF_ONE_PASS.told()] if several else [])]
    return [FREED.told()] if found.freed else [found.note] if found.note else []


def _sorted(subjects: Subjects, strands: list[Strand]) -> tuple[list[int], list[int], list[int]]:
    """Places of the wanted tensors that are unreached, that get a zero, and that get NaN or infinity."""
    unreached, zero, bad = [], [], []
    columns = [strand.gradients for strand in strands]
    for place in subjects.wanted:
        if all(column.norms[place] is None for column in columns):
            unreached.append(place)
        elif all(column.norms[place] is None or column.zero[place] for column in columns):
            zero.append(place)
        if any(not column.finite[place] for column in columns):
            bad.append(place)
    return unreached, zero, bad


def _ways_to(flow: Dataflow, subjects: Subjects, strand: Strand, asker: Asker) -> Distances:
    """The ways to one term; where it is dead and they are in doubt, the program is asked."""
    ways = flow.distances([strand.token])
    told_by_nodes = strand.gradients.refused or (strand.requires_grad and strand.is_connected)
    if strand.is_dead and not told_by_nodes and _doubtful(flow, subjects, ways):
        asker.ask(flow, list(subjects.roots), [strand.token])
        ways = flow.distances([strand.token])
    return ways


def _doubtful(flow: Dataflow, subjects: Subjects, ways: Distances) -> bool:
    starts = [root for root in subjects.roots if root in ways.tokens]
    if not starts:
        return True
    best = min(starts, key=lambda root: ways.tokens[root])
    for index, source, _ in ways.way(best):
        if source is None and all(link.certainty == "likely" for link in flow.into.get(index, ())):
            return True
    return False


def _ways_to_all(
    flow: Dataflow, subjects: Subjects, strands: list[Strand], unreached: list[int], asker: Asker
) -> Distances:
    """The ways to all terms together; the program is asked where tensors without gradient have none."""
    ends = [strand.token for strand in strands]
    ways = flow.distances(ends)
    missing = [subjects.roots[place] for place in unreached if subjects.roots[place] not in ways.tokens]
    if missing and flow.descendants(missing)[1]:
        asker.ask(flow, missing, ends)
        ways = flow.distances(ends)
    return ways


def _deaths(
    recording: Recording,
    subjects: Subjects,
    strand: Strand,
    lacking: tuple[list[int], list[int], list[int]],
    autograd: Engine,
) -> dict[int, Death]:
    """Where the gradient of one term dies on its way to the tensors that lack it."""
    root, columns = strand.root, strand.gradients
    if root is None or not root.requires_grad or (columns.freed and not columns.own):
        return {}
    unreached, zero, bad = lacking
    wanted = [place for place in {*unreached, *zero} if subjects.tensors[place].requires_grad]
    wanted += [place for place in bad if not columns.finite[place]]
    if strand.is_dead:
        wanted += [place for place in subjects.wanted if columns.norms[place] is not None]
    wanted = list(dict.fromkeys(wanted))
    if not wanted:
        return {}
    found = autograd.deaths(root, [subjects.tensors[place] for place in wanted], recording.call_of, strand.edge)
    return {wanted[position]: death for position, death in found.items()}
