"""The data flow between wrt and the loss terms as plain nodes and edges, for drawing."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable
from typing import Any

from gradcheck_lm.flow.findings.model import FlowGraph, FlowNode
from gradcheck_lm.flow.tracing.graph import Dataflow, Distances
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.tape import Call, Recording


def module_paths(recording: Recording) -> dict[int, str]:
    """Dotted path of each module that ran, from the outermost module down."""
    paths: dict[int, str] = {}
    ids = {id(module): index for index, (ref, _) in enumerate(recording.modules) if (module := ref()) is not None}
    roots = list(dict.fromkeys(ref for ref in recording.roots if ref() is not None))
    inner = {id(part) for root in roots for part in list(_module(root).modules())[1:]}
    tops: Counter[str] = Counter()
    for root in roots:
        if id(_module(root)) in inner:
            continue  # called on its own, yet a part of another: that one names it
        top = type(_module(root)).__name__
        tops[top] += 1
        if tops[top] > 1:  # a coarse and a fine network of one class
            top = f"{top} #{tops[top]}"
        for name, part in _module(root).named_modules():
            if id(part) in ids:
                paths.setdefault(ids[id(part)], f"{top}.{name}" if name else top)
    for index, (_, name) in enumerate(recording.modules):
        paths.setdefault(index, name)
    return paths


def _module(reference: weakref.ref[Any]) -> Any:
    return reference()


def flow_graph(
    flow: Dataflow,
    *,
    wrt: dict[str, int],
    terms: dict[str, int],
    distances: dict[str, Distances],
    marked: dict[int, int],
    norms: dict[str, float | None],
) -> tuple[FlowGraph, dict[int, int]]:
    """The graph, and the node id of each call in it.

    Args:
        wrt: name -> token. terms: name -> token.
        distances: per term, the ways to it. marked: call -> index of its finding. norms: name in wrt -> gradient norm.
    """
    reached, _ = flow.descendants(wrt.values())
    paths = module_paths(flow.recording)
    entries = _entries(flow, reached, distances)
    versions = _versions(flow.recording, wrt.values())
    for index in [index for index in entries if index not in marked and _gives_values(flow, index, versions)]:
        del entries[index]
    nodes: list[FlowNode] = []
    ids: dict[tuple[str, object], int] = {}

    def put(key: tuple[str, object], **fields: Any) -> int:
        ids[key] = len(nodes)
        nodes.append(FlowNode(id=len(nodes), **fields))
        return ids[key]

    for name, token in wrt.items():
        value = flow.recording.tokens[token]
        put(
            ("wrt", token),
            role="wrt",
            state="live" if value.requires_grad else "cut",
            label=name,
            shape=tuple(value.shape),
            dtype=str(value.dtype).removeprefix("torch."),
            requires_grad=value.requires_grad,
            terms=tuple(term for term, ways in distances.items() if token in ways.tokens),
            gradient_norm=norms.get(name),
        )
    hosts = []
    for index, (cost, led) in entries.items():
        call = flow.recording.calls[index]
        state = "cut" if index in marked or (call.operation.export and cost <= 1) else "live" if cost == 0 else "beyond"
        if index not in marked and state == "cut" and not _stops(flow, index):
            state = "live"
        put(
            ("op", index),
            **_call_fields(flow.recording, call, paths),
            state=state,
            terms=led,
            finding=marked.get(index),
        )
        if call.operation.export:
            kinds = {link.target for link in flow.out_of.get(index, ()) if link.target in entries}
            if kinds:
                put(("host", index), role="host", state="beyond", label="Python value", terms=led)
                hosts.append(index)
    for name, token in terms.items():
        live = reached.get(token, 1) == 0 and flow.recording.tokens[token].requires_grad
        put(
            ("term", name),
            role="term",
            state="live" if live else "beyond",
            label=name,
            terms=(name,),
            requires_grad=flow.recording.tokens[token].requires_grad,
        )
    edges = _edges(flow, ids, entries, hosts, terms, versions)
    calls = {key[1]: number for key, number in ids.items() if key[0] == "op" and isinstance(key[1], int)}
    return FlowGraph(tuple(nodes), tuple(sorted(edges))), calls


def _versions(recording: Recording, asked: Iterable[int]) -> dict[int, int]:
    """Token -> the token asked about that it is a later version of: what is written in place has a new one."""
    found = {token: token for token in asked}
    for call in recording.calls:
        if call.operation.in_place and call.outputs and call.inputs[:1] and call.inputs[0] in found:
            found.setdefault(call.outputs[0], found[call.inputs[0]])
    return found


def _gives_values(flow: Dataflow, index: int, versions: dict[int, int]) -> bool:
    """It made what is asked about, or filled it as an initialisation does: before the data's way, not on it."""
    call = flow.recording.calls[index]
    if not call.outputs or not all(token in versions for token in call.outputs):
        return False
    made = all(versions[token] == token for token in call.outputs)  # the very tensor, as nn.Parameter gives it
    return made or all(token in versions for token in call.inputs[:1])


def _stops(flow: Dataflow, index: int) -> bool:
    return flow.recording.calls[index].operation.export


def _entries(
    flow: Dataflow, reached: dict[int, int], distances: dict[str, Distances]
) -> dict[int, tuple[int, tuple[str, ...]]]:
    """Calls between wrt and a term: cuts before them, and the terms they lead to."""
    entries: dict[int, tuple[int, tuple[str, ...]]] = {}
    _, exports = flow.descendants([token for token, cost in reached.items() if cost == 0])
    for index, call in enumerate(flow.recording.calls):
        if call.operation.export:
            led = tuple(name for name, ways in distances.items() if index in ways.exports)
            if led and index in exports:
                entries[index] = (exports[index], led)
            continue
        outputs = [token for token in call.outputs if token in reached]
        led = tuple(name for name, ways in distances.items() if any(token in ways.tokens for token in outputs))
        if led:
            entries[index] = (min(reached[token] for token in outputs), led)
    return entries


def _call_fields(recording: Recording, call: Call, paths: dict[int, str]) -> dict[str, Any]:
    file, line = ("", 0) if call.site is None else line_of(call.site)
    value = recording.tokens[call.outputs[0]] if call.outputs else None
    return {
        "role": "source" if call.outputs and not call.inputs else "op",
        "label": call.operation.name.removesuffix(".__get__"),
        "op": call.operation.title,
        "module": paths.get(call.module, ""),
        "file": file,
        "line": line,
        "shape": None if value is None else tuple(value.shape),
        "dtype": "" if value is None else str(value.dtype).removeprefix("torch."),
        "requires_grad": value is not None and value.requires_grad,
    }


def _edges(
    flow: Dataflow,
    ids: dict[tuple[str, object], int],
    entries: dict[int, tuple[int, tuple[str, ...]]],
    hosts: list[int],
    terms: dict[str, int],
    versions: dict[int, int],
) -> set[tuple[int, int]]:
    edges: set[tuple[int, int]] = set()

    def maker(token: int) -> int | None:
        if ("wrt", token) in ids:
            return ids["wrt", token]
        made = ids.get(("op", flow.recording.tokens[token].producer))
        return ids.get(("wrt", versions[token])) if made is None and token in versions else made

    for index in entries:
        for token in flow.recording.calls[index].inputs:
            before = maker(token)
            if before is not None and before != ids["op", index]:
                edges.add((before, ids["op", index]))
    for index in hosts:
        edges.add((ids["op", index], ids["host", index]))
        for link in flow.out_of.get(index, ()):
            if ("op", link.target) in ids:
                edges.add((ids["host", index], ids["op", link.target]))
    for name, token in terms.items():
        before = maker(token)
        if before is not None:
            edges.add((before, ids["term", name]))
    return edges
