"""Parts at random that a line of the program has frozen, and that nothing was loaded into."""

from __future__ import annotations

import ast
import linecache
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, FrozenFresh, Loading
from gradcheck_lm.flow.stepping.recording.accounts import version_of
from gradcheck_lm.flow.stepping.recording.log import Log, ran_lines
from gradcheck_lm.flow.stepping.source.text import line_in
from gradcheck_lm.flow.watching.sites import Place, line_of
from gradcheck_lm.flow.watching.source import function_at, stands_on, tree_of

_THAWS = re.compile(r"requires_grad\s*=\s*True|requires_grad_\(\s*(True\s*)?\)|unfreeze")


def frozen_noise(
    log: Log,
    modules: Sequence[torch.nn.Module],
    frozen: Mapping[int, int],
    held: set[int],
    add: Callable[[Place], int],
) -> Iterator[FrozenFresh]:
    """An embedding, where all else of its model trains; and what a filter by a word caught beside what it names.

    Other frozen noise may be meant: random features, a target network. Where a line thaws, a layer's time may come.

    Args:
        modules: those that ran.
        frozen: id of a tensor -> the place that froze it.
        held: the accounts of what the optimizers hold.
        add: from a place to its index in the ledger.
    """
    # a test around the program thaws none of its layers
    files = (file for file in ran_lines(log) if not os.path.basename(file).startswith(("test_", "conftest")))
    text = "".join(line for file in files for line in linecache.getlines(file))
    if not frozen or _THAWS.search(text):
        return
    loaded = {index for event in log.events if isinstance(event, Loading) for index in event.tensors}
    aside = loaded | held | log.accounts.changed() | set(log.writes)
    inner = {id(part) for module in modules for part in list(module.modules())[1:]}
    for root in (module for module in modules if id(module) not in inner):
        names = {id(one): name for name, one in root.named_parameters()}
        noise: dict[int, dict[str, torch.Tensor]] = {}  # by the place that froze it
        for path, part in root.named_modules():
            for name, one in part._parameters.items():
                if one is None or id(one) not in frozen or version_of(one) != _first_version(part, name):
                    continue
                index = log.accounts.of(one).index
                if index not in aside and not _is_written(text, path.rpartition(".")[2], name):
                    noise.setdefault(frozen[id(one)], {})[names.get(id(one), "")] = one
        for place, found in noise.items():
            here = [names[key] for key, line in frozen.items() if line == place and key in names]
            caught = caught_by_a_word(here)
            tensors = [one for name, one in found.items() if caught and caught[1] in name.split(".")]
            alone = all(line == place for key, line in frozen.items() if key in names)
            if not tensors and _is_embedding(root, found) and len(here) == 1 and alone:
                others = [log.accounts.of(one).index for one in root.parameters() if id(one) not in frozen]
                tensors = list(found.values()) if others and held.issuperset(others) else []
            if tensors and place != NOWHERE:
                told = [one for one in root.parameters() if names[id(one)] in here] if caught else tensors
                indices = tuple(log.accounts.of(one).index for one in told)
                asked = _filter_around(*line_of(log.sites[place])) if caught else None
                yield FrozenFresh(log.time, place if asked is None else add(asked), tensors=indices)


def caught_by_a_word(names: Sequence[str]) -> tuple[str, str] | None:
    """(encoder, cross_encoder_head) where both are parts of one module, and the word stands inside the other's name.

    image_encoder is one more encoder, and encoder_norm belongs to the encoder.
    """
    paths = [name.split(".") for name in names]
    while len(paths) > 1 and all(len(path) > 1 and path[0] == paths[0][0] for path in paths):
        paths = [path[1:] for path in paths]
    parts = list(dict.fromkeys(path[0] for path in paths if len(path) > 1))
    inside = ((one, two) for one in parts for two in parts if len(one) > 2 and f"_{one}_" in two)
    return next(inside, None)


def _filter_around(file: str, line: int) -> Place | None:
    """The `if` around a line that asks whether a word stands in a name."""
    tree = tree_of(file)
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        and any(stands_on(one, line) for one in node.body)
        and any(isinstance(one, ast.In) for one in ast.walk(node.test))
    ]
    return line_in(file, around[-1], function_at(tree, line)) if around else None


def _is_embedding(root: torch.nn.Module, found: Mapping[str, torch.Tensor]) -> bool:
    tables = {id(part.weight) for part in root.modules() if type(part) is torch.nn.Embedding}
    return all(id(one) in tables for one in found.values())


def _first_version(part: torch.nn.Module, name: str) -> int:
    """How often its constructor writes into a parameter: once, and once more where it is to be 0 for the padding."""
    return 2 if name == "weight" and getattr(part, "padding_idx", None) is not None else 1


def _is_written(text: str, attribute: str, name: str) -> bool:
    """Through .data, which counts no version, or whole; by the text."""
    written = rf"\b{re.escape(attribute)}\.{re.escape(name)}(\.data\b|\s*=[^=]|\[|\.copy_|\.set_)"
    return bool(attribute) and bool(re.search(written, text))
