"""How values that left torch came back: by shared memory, by equal numbers, by experiment, or only likely."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from gradcheck_lm.flow.rerunning.replay import Experiment
from gradcheck_lm.flow.tracing.graph import Dataflow, HostLink, is_telling, takes_numbers
from gradcheck_lm.flow.watching.sites import expression_at
from gradcheck_lm.flow.watching.tape import IN_FUNCTION, OWN_MEMORY, Call, Recording


def observed_links(recording: Recording) -> list[HostLink]:
    """Links that the recording itself shows: NumPy memory still shared, or the very same numbers."""
    links: list[HostLink] = []
    by_numbers: dict[object, list[int]] = {}
    for index, call in enumerate(recording.calls):
        if call.operation.export:
            if call.host is not None and call.scope != IN_FUNCTION and not call.branch_value:
                by_numbers.setdefault(call.host, []).append(index)
            continue
        if call.memory >= 0:
            links.append(HostLink(call.memory, index, "certain"))
        elif call.host is not None and takes_numbers(call):
            links.extend(HostLink(source, index, "likely") for source in by_numbers.get(call.host, ())[-1:])
            if isinstance(call.host, tuple) and len(call.host) > 1:  # a list gathered from several .item() calls
                for value in dict.fromkeys(call.host):
                    if is_telling(value):
                        links.extend(HostLink(source, index, "likely") for source in by_numbers.get((value,), ())[-1:])
    return links


def upstream_calls(flow: Dataflow, tokens: Iterable[int]) -> set[int]:
    """Calls whose results lead to the tokens through tensors and known links."""
    distances = flow.distances(tokens)
    producers = (flow.recording.tokens[token].producer for token in distances.tokens)
    return {producer for producer in producers if producer >= 0}


def exports_of(flow: Dataflow, roots: Iterable[int]) -> list[int]:
    """Calls through which values descending from the roots leave torch, in order."""
    recording = flow.recording
    _, exports = flow.descendants(roots)
    # what is pickled is left alone: a run with another value would write it into the user's files
    kept = [index for index in sorted(exports) if recording.calls[index].operation.name != "__reduce_ex__"]
    return [index for index in kept if recording.calls[index].scope != IN_FUNCTION]


def ask(
    flow: Dataflow, roots: Iterable[int], ends: Iterable[int], experiment: Experiment | None, adders: Sequence[int] = ()
) -> None:
    """Find how the ends depend on values that left torch, and add the links; `adders` add plain numbers to a loss."""
    ends = list(ends)
    receivers = upstream_calls(flow, ends)
    exports = exports_of(flow, roots)
    exports = [export for export in exports if any(receiver > export for receiver in receivers)]
    if not exports:
        return
    confirmed = experiment.links(exports, receivers, ends) if experiment is not None else None
    if confirmed is None:
        for link in [*_likely(flow.recording, exports, receivers), *_scaled(flow.recording, exports, adders)]:
            flow.add(link)
        return
    by_target = {(link.source, link.target): link for link in confirmed}
    for link in list(flow.links):
        if link.certainty == "likely" and (link.source, link.target) in by_target:
            link.certainty = "confirmed"
    for link in confirmed:
        flow.add(link)


def _likely(recording: Recording, exports: Sequence[int], receivers: set[int]) -> list[HostLink]:
    """Without an experiment: a tensor made from numbers that are not written in the source, after a value left."""
    links = []
    for receiver in sorted(receivers):
        call = recording.calls[receiver]
        met = call.operation.title == "torch.from_numpy"  # its source line is the one that first used it
        if not (met or call.operation.factory or call.operation.title == "number") or (not met and is_literal(call)):
            continue
        if met and call.memory == OWN_MEMORY:  # equal numbers would have linked it already
            continue
        before = [export for export in exports if export < receiver]
        solid = [export for export in before if not recording.calls[export].branch_value] or before
        if solid:
            links.append(HostLink(solid[-1], receiver, "likely"))
    return links


def _scaled(recording: Recording, exports: Sequence[int], adders: Sequence[int]) -> list[HostLink]:
    """A number added to a loss that is an exported one, or one times a constant of the same function."""
    found = []
    for adder in adders:
        call = recording.calls[adder]
        consts = {1.0} if call.site is None else {1.0, *_constants(call)}
        for export in reversed([index for index in exports if index < adder]):
            left = recording.calls[export].host
            if isinstance(left, tuple) and len(left) == 1 and isinstance(left[0], float) and left[0] != 0.0:
                factors = [factor for factor in consts if factor]  # times 0 is no telling: total = 0.0
                products = {left[0] * factor for factor in factors} | {left[0] / factor for factor in factors}
                if any(value in products for value in call.host or ()):
                    found.append(HostLink(export, adder, "likely"))
                    break
    return found


def _constants(call: Call) -> list[float]:
    assert call.site is not None
    return [float(value) for value in call.site.code.co_consts if isinstance(value, int | float) and abs(value) < 1e9]


def is_literal(call: Call) -> bool:
    """torch.tensor([0.0, 1.0]): all its numbers stand in the source."""
    if call.site is None:
        return False
    if call.site.library_code is not None:  # made inside a library, from its own affairs
        return True
    expression = expression_at(call.site.code, call.site.instruction)
    if not isinstance(expression, ast.Call) or not expression.args:
        return False
    return all(
        isinstance(node, ast.Constant | ast.List | ast.Tuple | ast.UnaryOp | ast.Load | ast.USub)
        for node in ast.walk(expression.args[0])
    )
