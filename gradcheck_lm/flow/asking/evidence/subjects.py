"""The tensors asked about, each with the token that it had when the run began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from gradcheck_lm.flow.asking.evidence.chosen import is_chosen
from gradcheck_lm.flow.watching.memory import address_of
from gradcheck_lm.flow.watching.recorder import Recorder


@dataclass(frozen=True)
class Subjects:
    """What a diagnosis is about; a tensor goes by its place in `names`."""

    names: tuple[str, ...]
    tensors: tuple[torch.Tensor, ...]
    roots: tuple[int, ...]  # tokens
    wanted: tuple[int, ...]  # places of those that should get a gradient
    frozen: tuple[int, ...]  # places of those that ask for none
    resting: tuple[int, ...]  # of those that are read with gradient switched off: in eval mode, or by choice
    detached: frozenset[int]  # places of those that are the .data of a parameter which the run has met

    @classmethod
    def of(cls, recorder: Recorder, wrt: dict[str, torch.Tensor], *, explicit: bool) -> Subjects:
        """Find them in a run; `explicit`: they were named one by one, so each of them should get a gradient."""
        tensors = tuple(wrt.values())
        roots = tuple(_first_token(recorder, tensor) for tensor in tensors)
        asking = tuple(place for place, tensor in enumerate(tensors) if explicit or tensor.requires_grad)
        resting = set() if explicit else _resting(recorder, tensors, roots)
        wanted = tuple(p for p in asking if p not in resting) or asking or tuple(range(len(tensors)))
        left = sorted(set(range(len(tensors))).difference(wanted))
        frozen = tuple(p for p in left if p not in resting)
        still = [place for place, tensor in enumerate(tensors) if not tensor.requires_grad]
        leaves = recorder.book.places_of_leaves() if still else set()
        there = {place: (address_of(tensors[place]), tensors[place].shape) for place in still}
        detached = frozenset(place for place, where in there.items() if where[0] and where in leaves)
        return cls(tuple(wrt), tensors, roots, wanted, frozen, tuple(p for p in left if p in resting), detached)

    def __len__(self) -> int:
        return len(self.names)

    def are_detached(self) -> bool:
        """Whether those that should get a gradient are detached, but for some that the run never met."""
        return not any(self.tensors[place].requires_grad for place in self.wanted) and bool(self.detached)


def _resting(recorder: Recorder, tensors: Sequence[torch.Tensor], roots: Sequence[int]) -> set[int]:
    """Places of what is used with gradient switched off alone: by modules in eval mode, a network for its features.

    In train mode the same is a mistake, but where the program chooses so by an `if` whose other side has gradient; and
    so it is where all is in eval mode.
    """
    modules = [module for reference, _ in recorder.recording.modules if (module := reference()) is not None]
    if not any(module.training for module in modules):
        return set()
    training: dict[int, bool] = {}
    for module in modules:
        for tensor in module._parameters.values():
            if tensor is not None:
                training[id(tensor)] = training.get(id(tensor), False) or module.training
    places = {roots[place]: place for place, tensor in enumerate(tensors) if id(tensor) in training}
    scopes: dict[int, set[int]] = {}  # of each place the stretches that it is used in
    for call in recorder.recording.calls:
        met = [(token, places[token]) for token in call.inputs if token in places]
        if met and call.operation.in_place:  # it is filled: that is no use of it
            places.update((token, met[0][1]) for token in call.outputs)
            continue
        for _, place in met:
            scopes.setdefault(place, set()).add(call.scope)
    off = {scope for found in scopes.values() for scope in found if scope >= 0}
    chosen = {scope for scope in off if is_chosen(recorder.recording.switches[scope])}
    # below 0 it is on, or inside what is computed again with gradient
    return {place for place, found in scopes.items() if found <= (chosen if training[id(tensors[place])] else off)}


def _first_token(recorder: Recorder, tensor: torch.Tensor) -> int:
    """The token a tensor had when the run began: in-place changes come after it."""
    token, recording = recorder.token_of(tensor), recorder.recording
    if token is None:
        return recorder.see(tensor)
    while (producer := recording.tokens[token].producer) >= 0:
        call = recording.calls[producer]
        before = [value for value in call.inputs if value >= 0]
        overwritten = call.operation.derivative.overwrites
        if not tensor.is_leaf or not call.operation.in_place or overwritten or not before:
            break
        token = before[0]
    return token
