"""The autograd graph behind a loss in the DOT language: torchviz's picture, also where torchviz gives up.

Blue is a tensor whose `.grad` backward fills, grey an operation that autograd recorded, green a loss term, red a loss
term with nothing behind it. Nothing here computes a gradient; only the graph is read.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.draw.autograd.autograd_node import AutogradNode
from gradcheck_lm.draw.autograd.summary import summarise
from gradcheck_lm.draw.layout.layout import language_drawn, render_folding
from gradcheck_lm.draw.lettering import bundled_fonts_cover, printable
from gradcheck_lm.draw.words import say
from gradcheck_lm.errors import ArgumentError, class_of

LIMIT = 400  # nodes; above it, layout takes long and nobody can read the picture
_COLOURS = {"leaf": "lightblue", "term": "darkolivegreen1", "dead": "#f4c7c3"}
_STATEMENT = re.compile(r"\s*(\d+)(?: -> (\d+))?(.*)", re.DOTALL)


def autograd_dot(
    terms: Mapping[str, torch.Tensor] | torch.Tensor,
    *,
    params: Mapping[str, torch.Tensor] | None = None,
    title: str = "",
    limit: int = LIMIT,
    language: str = "en",
) -> str:
    """The graph that `backward` would walk, as DOT text; a term with no graph is a lonely box that says so.

    Args:
        terms: the loss, or its terms by name.
        params: names for leaf tensors, as from `dict(model.named_parameters())`.
        title: above the picture.
        limit: above this many nodes, stretches of operations are folded into one box each, with a note.
        language: "en" or "ja", of what is not the program's own.
    Returns:
        DOT text, the same for the same graph: boxes are numbered from 0.
    Raises:
        ArgumentError: `terms` is empty or holds something that is no tensor.
    """
    named = _named(terms)
    nodes = walk(named, params=params, language=language)
    if len(nodes) > limit:
        return _own_dot(*summarise(nodes, limit=limit, language=language), title=title)
    picture = _torchviz_statements(named, params, language)
    return _own_dot(nodes, "", title=title) if picture is None else _dot(picture, "", title)


def save_autograd(
    terms: Mapping[str, torch.Tensor] | torch.Tensor,
    path: str | Path,
    *,
    params: Mapping[str, torch.Tensor] | None = None,
    title: str = "",
    timeout: float = 30.0,
    language: str = "en",
) -> Path:
    """Draw the autograd graph into .svg, .png, .pdf or .dot; what is too large for the time is folded further.

    In Japanese only where the picture can have its letters: a .png without Japanese fonts is drawn in English.
    """
    named, language = _named(terms), language_drawn(language, path)
    return render_folding(
        lambda limit: autograd_dot(named, params=params, title=title, limit=limit, language=language),
        path, timeout=timeout,
    )  # fmt: skip


def walk(
    terms: Mapping[str, torch.Tensor], *, params: Mapping[str, torch.Tensor] | None = None, language: str = "en"
) -> tuple[AutogradNode, ...]:
    """Every operation and leaf behind some tensors, inputs before outputs, without recursion.

    Ids count from 0 in the order of this walk, so the same graph always gives the same numbers.
    """
    names = {id(tensor): name for name, tensor in (params or {}).items()}
    numbers: dict[Any, int] = {}  # by the nodes themselves, which keeps them alive: ids of dead objects come again
    nodes: list[AutogradNode] = []
    for name, tensor in terms.items():
        root = tensor.grad_fn
        if root is not None:
            _visit(root, numbers, nodes, names)
        nodes.append(_term(len(nodes), name, tensor, None if root is None else numbers[root], language))
    return tuple(nodes)


def _visit(root: Any, numbers: dict[Any, int], nodes: list[AutogradNode], names: dict[int, str]) -> None:
    stack = [(root, False)]
    while stack:
        function, inputs_done = stack.pop()
        if function in numbers:
            continue
        inputs = [before for before, _ in function.next_functions if before is not None]
        if not inputs_done:
            stack.append((function, True))
            stack.extend((before, False) for before in reversed(inputs))
            continue
        before = [numbers[one] for one in dict.fromkeys(inputs)]
        if (variable := getattr(function, "variable", None)) is not None:
            nodes.append(AutogradNode(len(nodes), "leaf", _tensor_label(variable, names.get(id(variable), "")), ()))
            before.append(nodes[-1].id)
        numbers[function] = len(nodes)
        nodes.append(AutogradNode(len(nodes), "op", type(function).__name__, tuple(before)))


def _term(number: int, name: str, tensor: torch.Tensor, root: int | None, language: str) -> AutogradNode:
    label = _tensor_label(tensor, name)
    if root is not None:
        return AutogradNode(number, "term", label, (root,))
    return AutogradNode(number, "dead", f"{label}\n{_why_lonely(tensor, language)}", ())


def _why_lonely(tensor: torch.Tensor, language: str) -> str:
    return say("dead leaf" if tensor.requires_grad else "no grad_fn", language)


def _named(terms: Mapping[str, torch.Tensor] | torch.Tensor) -> dict[str, torch.Tensor]:
    named = {"loss": terms} if isinstance(terms, torch.Tensor) else dict(terms)
    if not named:
        raise ArgumentError("there are no loss terms to draw: the dict is empty; pass a tensor or {name: tensor}")
    for name, tensor in named.items():
        if not isinstance(tensor, torch.Tensor):
            raise ArgumentError(
                f"loss term {name!r} is {class_of(tensor)}, not a tensor: it left torch, so it has no graph; "
                "pass the tensor from before .item() or float()"
            )
    return named


def _torchviz_statements(
    named: dict[str, torch.Tensor], params: Mapping[str, torch.Tensor] | None, language: str = "en"
) -> list[str] | None:
    """torchviz's picture, statement by statement, with stable numbers; None where torchviz cannot draw it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it compares versions with distutils, which is deprecated or gone
            from torchviz import make_dot

            drawn = make_dot(tuple(named.values()), params={**dict(params or {}), **named})
            statements = list(drawn.body)
    except Exception:  # not installed, no distutils, too deep for its recursion, saved tensors freed by backward
        return None
    dead = {str(id(tensor)): _why_lonely(tensor, language) for tensor in named.values() if tensor.grad_fn is None}
    numbers: dict[str, int] = {}
    result = []
    for statement in statements:
        match = _STATEMENT.fullmatch(statement.rstrip("\n"))
        if match is None:
            return None
        tail, head, rest = match.groups()
        number = numbers.setdefault(tail, len(numbers))
        if head is not None:
            result.append(f"{number} -> {numbers.setdefault(head, len(numbers))}{rest}")
            continue
        rest = re.sub(r"^ \[label=(\w+)", r' [label="\1"', rest)
        if tail in dead:
            rest = rest.replace("fillcolor=darkolivegreen1", f'fillcolor="{_COLOURS["dead"]}"')
            rest = re.sub(r'(label="(?:[^"\\]|\\.)*)"', rf'\1\n{dead[tail]}"{_face(dead[tail])}', rest, count=1)
        result.append(f"{number}{rest}".replace("\n", "\\n"))
    return result


def _own_dot(nodes: Sequence[AutogradNode], note: str, *, title: str) -> str:
    statements = []
    for node in nodes:
        fill = "" if node.kind == "op" else f' fillcolor="{_COLOURS[node.kind]}"'
        statements.append(f'{node.id} [label="{_quoted(node.label)}"{_face(node.label)}{fill}]')
        statements += [f"{before} -> {node.id}" for before in node.inputs]
    return _dot(statements, note, title)


def _dot(statements: Sequence[str], note: str, title: str) -> str:
    caption = "\\n".join(_quoted(text) for text in (title, note) if text)
    head = [
        "digraph autograd {",
        f'  graph [fontname="Helvetica", fontsize=11, labelloc=t, label="{caption}"];',
        # Courier, since every engine knows its widths: torchviz's "monospace" overflows its boxes
        '  node [shape=box, style=filled, fontname="Courier", fontsize=10, height=0.2, fillcolor=lightgrey];',
    ]
    return printable("\n".join([*head, *(f"  {statement};" for statement in statements), "}", ""]))


def _face(label: str) -> str:
    # an engine that does not know a letter's width takes three of Courier's for one of Japanese
    return "" if bundled_fonts_cover(label) else ' fontname="Helvetica"'


def _tensor_label(tensor: torch.Tensor, name: str) -> str:
    return f"{name}\n ({', '.join(str(size) for size in tensor.shape)})"


def _quoted(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
