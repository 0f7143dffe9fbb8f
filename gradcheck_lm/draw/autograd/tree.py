"""The autograd graph behind a loss as a tree in the terminal: what backward would walk, from the loss to the leaves."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import torch
from rich.text import Text
from rich.tree import Tree

from gradcheck_lm.draw.autograd.autograd import _named, walk
from gradcheck_lm.draw.autograd.autograd_node import AutogradNode
from gradcheck_lm.draw.lettering import shown
from gradcheck_lm.draw.terminal.consoles import as_text
from gradcheck_lm.draw.words import say

_STYLES = {"leaf": "bold blue", "term": "bold green", "dead": "bold red", "op": ""}


def autograd_tree(
    terms: Mapping[str, torch.Tensor] | torch.Tensor,
    *,
    params: Mapping[str, torch.Tensor] | None = None,
    limit: int = 40,
    encoding: str = "",
    language: str = "en",
) -> Tree:
    """The graph that `backward` would walk, as a tree for rich to print; a term with no graph stands alone.

    What several operations share is drawn once; elsewhere a line says that it stands above.

    Args:
        terms: the loss, or its terms by name.
        params: names for leaf tensors, as from `dict(model.named_parameters())`.
        limit: > 0, lines at most; a last line says how many operations were left out.
        encoding: of the console; by default that of standard output.
        language: "en" or "ja".
    Raises:
        ArgumentError: `terms` is empty or holds something that is no tensor.
    """
    named = _named(terms)
    nodes = walk(named, params=params, language=language)
    encoding = encoding or getattr(sys.stdout, "encoding", None) or "utf-8"
    roots = [node for node in nodes if node.kind in ("term", "dead")]
    top = Tree("", hide_root=True)
    drawn: set[int] = set()
    waiting = [(node, top) for node in reversed(roots)]
    lines = 0
    while waiting:
        node, parent = waiting.pop()
        if lines >= limit:
            break
        lines += 1
        if node.id in drawn and node.inputs:
            parent.add(_line(node, encoding).append(f"  {say('see above', language)}", style="dim"))
            continue
        drawn.add(node.id)
        branch = parent.add(_line(node, encoding))
        waiting += [(nodes[before], branch) for before in reversed(node.inputs)]
    if left := len({node.id for node in nodes} - drawn):
        top.add(Text(say("left out", language, count=left), style="dim"))
    return top


def autograd_tree_text(
    terms: Mapping[str, torch.Tensor] | torch.Tensor,
    *,
    params: Mapping[str, torch.Tensor] | None = None,
    limit: int = 40,
    encoding: str = "utf-8",
    language: str = "en",
) -> str:
    """The same tree as text, with ASCII lines where the encoding is no UTF; arguments as for `autograd_tree`."""
    tree = autograd_tree(terms, params=params, limit=limit, encoding=encoding, language=language)
    return as_text(tree, width=400, encoding=encoding).rstrip("\n")


def _line(node: AutogradNode, encoding: str) -> Text:
    parts = [part.strip() for part in node.label.split("\n")]
    head, tail = " ".join(parts[:2]).strip(), " ".join(parts[2:]).replace("、 ", "、")
    label = head if not tail else f"{head}  {tail}" if len(head) + len(tail) <= 64 else f"{head}\n{tail}"
    return Text(shown(label, encoding), style=_STYLES[node.kind])
