"""A value that backward() needs was overwritten: the line that reads it, and the line that writes it."""

from __future__ import annotations

import re
from typing import Any

from gradcheck_lm.flow.asking.cuts.drafts import Draft
from gradcheck_lm.flow.asking.evidence.scene import Scene, Written, entry, where
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.tape import Recording

_SAME_MEMORY = words(
    """
    view reshape view_as reshape_as transpose t permute squeeze unsqueeze select narrow expand expand_as chunk split
    split_with_sizes tensor_split unbind __getitem__ T.__get__ mT.__get__ H.__get__ mH.__get__ flatten unflatten detach
    data.__get__ diagonal swapaxes swapdims movedim moveaxis alias contiguous view_as_real view_as_complex real.__get__
    imag.__get__ unfold as_strided squeeze_ unsqueeze_ transpose_ t_ ravel hsplit vsplit dsplit
    """
)

_PARTS = frozenset(["__setitem__", "index_put_", "index_copy_", "masked_fill_", "masked_scatter_", "index_fill_"])


def overwriting(scene: Scene) -> Draft:
    """The finding on "modified by an inplace operation"."""
    recording = scene.recording
    stale = _stale(scene)
    reader = next((made for node in stale if (made := scene.call_of(node)) is not None), None)
    if stale and reader is None and (written := _stepped_since(scene, stale)) is not None:
        if carriers := scene.carriers(recording.start):
            first, values = min(carriers), {"step": written.title, "line": where(written.site)}
            site = entry(recording, first)
            return Draft("changed_in_place", first, "certain", site=site, cause="graph_kept", values=values)
        return Draft(
            "changed_in_place", None, "certain",
            site=written.site, op=written.title, cause="weights_stepped_unread",
        )  # fmt: skip
    reader = scene.failing() if reader is None else reader
    same = _memories(recording)
    kept = _kept(scene, reader)
    groups = {same(token) for token in kept}
    start = -1 if reader is None else reader
    for index in range(start + 1, len(recording.calls)):
        call = recording.calls[index]
        if not call.operation.in_place or call.operation.marks_leaf or not call.outputs:
            if reader is None and call.live and any(same(token) in groups for token in call.inputs):
                reader = index  # autograd does not say which: the first that may have kept it
            continue
        if reader is not None and same(call.outputs[0]) in groups:
            cause = "slice_written" if call.operation.name in _PARTS else "kept"
            return Draft("changed_in_place", index, "certain", cause=cause, values=_read_by(recording, reader))
    values = {} if reader is None else _read_by(recording, reader)
    for written in scene.written:
        if written.call > start and any(same(token) in groups for token in written.tokens):
            cause = "weights_stepped" if values else "weights_stepped_unread"
            return Draft(
                "changed_in_place", None, "certain",
                site=written.site, op=written.title, cause=cause, values=values,
            )  # fmt: skip
    if reader is None:
        return Draft("changed_in_place", None, "likely", site=scene.site, op="backward", cause="both_unseen")
    return Draft("changed_in_place", reader, "likely", cause="written_unseen", values={"reader": values["reader"]})


def _stale(scene: Scene) -> list[Any]:
    """The nodes whose saved value is stale: autograd itself says so when the value is asked for."""
    return [node for node in (*scene.unfinished, *scene.nodes) if _is_stale(node)] if scene.may_unpack else []


def _stepped_since(scene: Scene, stale: list[Any]) -> Written | None:
    """The last step of an optimizer on the weights of nodes that are older than the recording."""
    following = (before for node in stale for before, _ in node.next_functions)
    leaves = {id(leaf) for node in following if (leaf := getattr(node, "variable", None)) is not None}
    return next((written for written in reversed(scene.written) if leaves & written.leaves), None)


def _read_by(recording: Recording, reader: int) -> dict[str, str]:
    """What keeps the value, and where, for the sentences."""
    call = recording.calls[reader]
    return {"reader": call.operation.title, "line": where(call.site)}


def _is_stale(node: Any) -> bool:
    for name in dir(node):
        if name.startswith("_saved_"):
            try:
                getattr(node, name)
            except RuntimeError as error:
                if "modified by an inplace operation" in str(error):
                    return True
    return False


def _kept(scene: Scene, reader: int | None) -> list[int]:
    """The tokens that may be the value in question: of the shape that autograd names, at the reader or at its maker."""
    recording, text = scene.recording, str(scene.error)
    found = re.search(r"Tensor \[([\d, ]*)\]\]", text)
    shape = [int(size) for size in found[1].split(",") if size.strip()] if found else None
    if reader is None:
        tokens = list(range(len(recording.tokens)))
    else:
        tokens = [*recording.calls[reader].outputs, *recording.calls[reader].inputs]
    fitting = [
        token for token in tokens if token >= 0 and (shape is None or list(recording.tokens[token].shape) == shape)
    ]
    return fitting or [token for token in tokens if token >= 0]


def _memories(recording: Recording) -> Any:
    """token -> a name for the memory that it lies in, as far as the recording tells."""
    parent: dict[int, int] = {}

    def find(token: int) -> int:
        while (above := parent.get(token, token)) != token:
            token = above
        return token

    for call in recording.calls:
        inputs = [token for token in call.inputs if token >= 0]
        if not inputs or not call.outputs:
            continue
        name = call.operation.name
        if name in _SAME_MEMORY or call.operation.title in ("alias", "view"):
            for output in call.outputs:
                parent[find(output)] = find(inputs[0])
        elif call.operation.in_place:  # the lists of a foreach operation have one output for each
            for before, output in zip(inputs, call.outputs, strict=False):
                if recording.tokens[before].shape == recording.tokens[output].shape:
                    parent[find(output)] = find(before)
    return find
