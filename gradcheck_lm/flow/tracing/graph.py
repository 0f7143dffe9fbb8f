"""A recording as a graph: what descends from the tensors asked about, and what cuts it off the loss."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gradcheck_lm.flow.operations.names import kind_of_cut
from gradcheck_lm.flow.watching.tape import IN_CHECKPOINT, IN_FUNCTION, OPEN, Call, Recording

# Steps at which it is not the value that goes on (but a mask, an index, a size, a branch), cuts, doubtful links,
# operations: compared in this order. The value's way is the one to tell, even where a shorter one leads by its size.
Cost = tuple[int, int, int, int]
FAR: Cost = (1 << 30, 0, 0, 0)
HERE: Cost = (0, 0, 0, 0)

_READS_IDS = frozenset(["embedding", "embedding_bag", "cross_entropy", "nll_loss", "cross_entropy_loss", "ctc_loss"])


@dataclass(frozen=True)
class Cut:
    """One reason why a gradient cannot pass a call."""

    call: int
    kind: str


@dataclass
class HostLink:
    """A value that left torch at one call and came back at another."""

    source: int  # the call where it left
    target: int  # the call that took it in
    certainty: str  # "certain" | "confirmed" | "likely"


@dataclass
class Dataflow:
    """The recording's calls with the links through Python between them; tokens are values, calls are steps."""

    recording: Recording
    links: list[HostLink] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.into: dict[int, list[HostLink]] = {}
        self.out_of: dict[int, list[HostLink]] = {}
        for link in self.links:
            self._index(link)
        self.escaped = self._escaped()
        self._descendants: dict[Any, tuple[dict[int, int], dict[int, int]]] = {}  # asked for several times

    def _escaped(self) -> set[int]:
        """Values that left a custom Function or a checkpoint without a gradient, though one went in."""
        found: set[int] = set()
        inside: set[int] = set()  # values made in there on which a gradient would have been recorded
        for call in self.recording.calls:
            if is_hidden(call):
                if call.live or any(token in inside for token in call.inputs):
                    inside.update(token for token in call.outputs if self.recording.tokens[token].is_float)
            elif call.scope == OPEN and not call.operation.title.startswith("autograd."):
                found.update(
                    token for token in call.inputs if token in inside and not self.recording.tokens[token].requires_grad
                )
        return found

    def _index(self, link: HostLink) -> None:
        self.into.setdefault(link.target, []).append(link)
        self.out_of.setdefault(link.source, []).append(link)

    def add(self, link: HostLink) -> None:
        """Add a link unless the same two calls are linked already."""
        if all(other.source != link.source for other in self.into.get(link.target, ())):
            self.links.append(link)
            self._index(link)

    # ------------------------------------------------------------------ what a call does to a gradient

    def cuts(self, index: int, source: int | None, target: int | None) -> tuple[str, ...]:
        """Kinds of cut between an input token and an output token of a call.

        `source` None: the value came in from Python. `target` None: it leaves for Python.
        """
        call, tokens = self.recording.calls[index], self.recording.tokens
        if target is None:
            return ("left_torch",)
        result = tokens[target]
        if source is None:
            return ("new_leaf",) if call.operation.factory or call.operation.name == "from_numpy" else ()
        value = tokens[source]
        if self.recording.severed and (index, source) in self.recording.severed:
            return (self.recording.severed[index, source],)
        if value.requires_grad and result.requires_grad and result.is_float:
            if call.operation.name in ("Parameter", "tensor", "new_tensor"):  # torch.tensor(x, requires_grad=True)
                return ("new_leaf",)
            if self._writes_over(call, source):
                return ("detach" if call.scope == OPEN else "grad_disabled",)
            # torch lets a gradient in: backward will raise there, or give zeros
            nature = self._nature(call, source, target)
            return (nature,) if nature in ("discrete_op", "zero_gradient") else ()
        if target in self.escaped:
            return ("grad_disabled" if call.scope == IN_CHECKPOINT else "custom_function",)
        kinds: list[str] = []
        nature = self._nature(call, source, target)
        if call.operation.name == "Parameter":
            nature = "new_leaf"
        if nature is not None and call.scope != IN_FUNCTION:
            kinds.append(nature)
        if call.scope >= 0 and result.is_float and nature is None and not self._entered(index, source):
            switch = self.recording.switches[call.scope]
            kinds.append("sampling" if switch.sampling else "grad_disabled")
        elif not kinds and self._unexplained(call, value.requires_grad, result.is_float):
            kinds.append("detach" if call.operation.title == "torch.autograd.grad" else "discrete_op")
        return tuple(kinds)

    @staticmethod
    def _writes_over(call: Call, source: int) -> bool:
        """Whether the value only fills the memory of another tensor, one that keeps the history it had."""
        own = call.inputs[0] if not call.operation.derivative.overwrites else None
        unseen = call.operation.name in ("data", "data.__set__") or (call.scope >= 0 and call.operation.in_place)
        return unseen and source != own

    def _nature(self, call: Call, source: int, target: int) -> str | None:
        """The kind of cut that the call's operation is between these two tokens, wherever it runs."""
        tokens, special = self.recording.tokens, call.operation.derivative.cut is not None
        if call.operation.marks_leaf and tokens[source].requires_grad and not tokens[target].requires_grad:
            return "frozen"
        return kind_of_cut(
            call.operation,
            from_float=tokens[source].is_float,
            to_float=tokens[target].is_float,
            is_complex=special and tokens[source].dtype.is_complex,
            source=call.inputs.index(source) if special else 0,
            output=call.outputs.index(target) if special else 0,
        )

    def _entered(self, index: int, source: int) -> bool:
        """Whether the value was made by a float step in the same stretch without gradient: one cut, not two."""
        value = self.recording.tokens[source]
        producer = value.producer
        if producer < 0 or not value.is_float or value.requires_grad:  # a view made in there still has its gradient
            return False
        before = self.recording.calls[producer]
        return before.scope == self.recording.calls[index].scope and bool(before.inputs)

    @staticmethod
    def _unexplained(call: Call, live: bool, to_float: bool) -> bool:
        """A gradient entered, none left, and neither the operation's name nor a scope says why."""
        return live and to_float and call.scope == OPEN

    def is_side_way(self, index: int, source: int, target: int) -> bool:
        """Whole numbers that steer floating-point ones: a mask or an index. Token ids are read as values."""
        tokens = self.recording.tokens
        steers = not tokens[source].is_float and tokens[target].is_float
        return steers and self.recording.calls[index].operation.name not in _READS_IDS

    # ------------------------------------------------------------------ forwards from wrt

    def descendants(self, roots: Iterable[int]) -> tuple[dict[int, int], dict[int, int]]:
        """Least number of cuts from the root tokens: to each token, and to each call that exports a value."""
        key = (tuple(roots), len(self.recording.calls), len(self.links))
        if key not in self._descendants:
            self._descendants[key] = self._descend(key[0])
        return self._descendants[key]

    def _descend(self, roots: tuple[int, ...]) -> tuple[dict[int, int], dict[int, int]]:
        recording, into = self.recording, self.into
        tokens: dict[int, int] = dict.fromkeys(roots, 0)
        exports: dict[int, int] = {}
        for index, call in enumerate(recording.calls):
            reached = [token for token in call.inputs if token in tokens]
            host = None
            if index in into:
                host = min((exports[link.source] for link in into[index] if link.source in exports), default=None)
            if not reached and host is None:
                continue
            if not call.outputs:
                if call.operation.export and reached:
                    exports[index] = min(tokens[token] for token in reached) + 1
                continue
            for output in call.outputs:
                best = min(
                    (tokens[token] + len(self.cuts(index, token, output)) for token in reached if token != output),
                    default=FAR[0],
                )
                if host is not None:
                    best = min(best, host + len(self.cuts(index, None, output)))
                if best < tokens.get(output, FAR[0]):
                    tokens[output] = best
        return tokens, exports

    # ------------------------------------------------------------------ backwards from a term

    def distances(self, ends: Iterable[int], host_ends: Iterable[int] = ()) -> Distances:
        """For every token and export: the way to the ends with the fewest cuts."""
        result = Distances(self, dict.fromkeys(ends, HERE), dict.fromkeys(host_ends, HERE))
        result.walk()
        return result


@dataclass
class Distances:
    """From any value the most telling way to the ends: the value's own, and of these the one with the fewest cuts."""

    flow: Dataflow
    tokens: dict[int, Cost]
    exports: dict[int, Cost]
    next_step: dict[int, tuple[int, int | None]] = field(default_factory=dict)  # token -> (call, output token)
    next_link: dict[int, tuple[int, int]] = field(default_factory=dict)  # export call -> (target call, output token)

    def walk(self) -> None:
        """One pass over the calls in reverse: the order of execution is an order of the graph."""
        flow = self.flow
        for index in range(len(flow.recording.calls) - 1, -1, -1):
            call = flow.recording.calls[index]
            if call.operation.export:
                self._export(index, call)
                continue
            for output in call.outputs:
                cost = self.tokens.get(output)
                if cost is None:
                    continue
                for link in flow.into.get(index, ()):
                    self._offer_export(link, cost, index, output)
                for token in call.inputs:
                    if token >= 0 and token != output:
                        self._offer(token, cost, index, output)

    def _offer(self, token: int, cost: Cost, index: int, output: int) -> None:
        side = int(self.flow.is_side_way(index, token, output))
        candidate = (cost[0] + side, cost[1] + len(self.flow.cuts(index, token, output)), cost[2], cost[3] + 1)
        if candidate < self.tokens.get(token, FAR):
            self.tokens[token] = candidate
            self.next_step[token] = (index, output)

    def _offer_export(self, link: HostLink, cost: Cost, index: int, output: int) -> None:
        side = int(not takes_numbers(self.flow.recording.calls[index]))
        doubt = int(link.certainty == "likely")
        candidate = (cost[0] + side, cost[1] + len(self.flow.cuts(index, None, output)), cost[2] + doubt, cost[3] + 1)
        if candidate < self.exports.get(link.source, FAR):
            self.exports[link.source] = candidate
            self.next_link[link.source] = (index, output)

    def _export(self, index: int, call: Call) -> None:
        cost = self.exports.get(index)
        if cost is None:
            return
        for token in call.inputs:
            candidate = (cost[0] + int(call.branch_value), cost[1] + 1, cost[2], cost[3] + 1)
            if candidate < self.tokens.get(token, FAR):
                self.tokens[token] = candidate
                self.next_step[token] = (index, None)

    def way(self, token: int) -> list[tuple[int, int | None, int | None]]:
        """The steps from a token to its end: (call, input or None from Python, output or None to Python)."""
        steps: list[tuple[int, int | None, int | None]] = []
        current: int | None = token
        while current is not None and current in self.next_step:
            index, output = self.next_step[current]
            steps.append((index, current, output))
            if output is None:
                if index not in self.next_link:
                    break
                target, result = self.next_link[index]
                steps.append((target, None, result))
                output = result
            current = output
        return steps

    def cuts_from(self, token: int) -> list[Cut]:
        """The cuts on the way from a token to its end, in the order the data takes."""
        found: list[Cut] = []
        for index, source, target in self.way(token):
            found.extend(Cut(index, kind) for kind in self.flow.cuts(index, source, target))
        return found


def takes_numbers(call: Call) -> bool:
    """Whether numbers that come in here become a tensor's values, rather than its size or an index into it."""
    made = call.operation.factory or call.operation.title in ("torch.from_numpy", "number")
    return made or (isinstance(call.host, tuple) and any(is_telling(value) for value in call.host))


def is_telling(value: object) -> bool:
    """A number that does not come up by chance: 0.0, 1.0 and 0.5 do."""
    return isinstance(value, float) and value != round(value, 3)


def is_hidden(call: Call) -> bool:
    """Inside a custom Function's forward or a checkpointed stretch."""
    return call.scope in (IN_FUNCTION, IN_CHECKPOINT)
