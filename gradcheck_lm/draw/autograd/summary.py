"""A long autograd graph in few boxes: stretches of operations between bottlenecks become one box each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gradcheck_lm.draw.autograd.autograd_node import AutogradNode
from gradcheck_lm.draw.words import say


def summarise(
    nodes: Sequence[AutogradNode], *, limit: int, language: str = "en"
) -> tuple[tuple[AutogradNode, ...], str]:
    """Fold a graph to at most `limit` boxes, and say so.

    A bottleneck is an operation that everything before it must pass to reach the loss, as the additions along the
    residual stream of a transformer are. What lies between two of them (a block) becomes one box; leaves become one box
    for each stretch that uses them. Boxes never form a circle: each is a run of the order of execution.

    Args:
        nodes: from `walk`: inputs before outputs, ids 0..n-1.
        limit: >= 4.
        language: "en" or "ja".
    Returns:
        The boxes, renumbered from 0, and a note.
    """
    segment_of = _segments(nodes)
    segments = max(segment_of, default=0) + 1
    allowed = max(1, (limit - sum(node.kind in ("term", "dead") for node in nodes)) // 2)  # a box and its leaves each
    if segments > allowed:
        segment_of = [segment * allowed // segments for segment in segment_of]
    boxes = _boxes(nodes, segment_of, language)
    return boxes, say("stretches", language, nodes=len(nodes), boxes=len(boxes))


def _segments(nodes: Sequence[AutogradNode]) -> list[int]:
    """For each node the number of its stretch; a new one begins after each bottleneck."""
    order = _deepest_first(nodes)
    position = {node: place for place, node in enumerate(order)}
    last_use = list(range(len(nodes)))  # by place
    for node in nodes:
        for before in node.inputs:
            last_use[position[before]] = max(last_use[position[before]], position[node.id])
    segment_of = [0] * len(nodes)
    current, open_until = 0, -1
    for place, number in enumerate(order):
        segment_of[number] = current
        if nodes[number].kind == "leaf" or nodes[number].label == "AccumulateGrad":
            continue  # a parameter may be used twice far apart; it is no way back to the inputs
        # every value computed before this one has been used up, this one included: the way is one edge wide
        if open_until <= place:
            current += 1
        open_until = max(open_until, last_use[place])
    return segment_of


def _deepest_first(nodes: Sequence[AutogradNode]) -> list[int]:
    """An order of execution in which each operation's long input is computed before its short ones.

    So weights come right before their use, and the values that are open at any time are as few as can be.
    """
    depth = [0] * len(nodes)
    used: set[int] = set()
    for node in nodes:
        depth[node.id] = 1 + max((depth[before] for before in node.inputs), default=0)
        used.update(node.inputs)
    order: list[int] = []
    done = [False] * len(nodes)
    for root in nodes:
        stack = [] if root.id in used else [(root.id, False)]
        while stack:
            current, inputs_done = stack.pop()
            if done[current]:
                continue
            if inputs_done:
                done[current] = True
                order.append(current)
                continue
            stack.append((current, True))
            stack.extend((before, False) for before in sorted(nodes[current].inputs, key=lambda one: depth[one]))
    return order


def _boxes(nodes: Sequence[AutogradNode], segment_of: Sequence[int], language: str) -> tuple[AutogradNode, ...]:
    keys: list[tuple[object, ...]] = []
    for node in nodes:
        alone = node.kind in ("term", "dead")
        keys.append((node.kind, node.id) if alone else (node.kind, segment_of[node.id]))
    members: dict[tuple[object, ...], list[AutogradNode]] = {}
    for node, key in zip(nodes, keys, strict=True):
        members.setdefault(key, []).append(node)
    number = {key: index for index, key in enumerate(members)}
    boxes = []
    for key, group in members.items():
        inputs = {number[keys[before]] for node in group for before in node.inputs} - {number[key]}
        label = (_leaves_label if key[0] == "leaf" else _operations_label)(group, language)
        boxes.append(AutogradNode(number[key], group[0].kind, label, tuple(sorted(inputs))))
    return tuple(boxes)


def _leaves_label(group: Sequence[AutogradNode], language: str) -> str:
    if len(group) == 1:
        return group[0].label
    names = [name for name in (node.label.split("\n")[0] for node in group) if name]
    common = []
    for parts in zip(*(name.split(".") for name in names), strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    others = say("others", language, name=names[0]) if names else say("leaves", language)
    return "\n".join([".".join(common) or others, f" {say('tensors', language, count=len(group))}"])


def _operations_label(group: Sequence[AutogradNode], language: str) -> str:
    counted = Counter(node.label for node in group if node.label != "AccumulateGrad")
    operations = sum(counted.values())
    if operations <= 1:
        return next(iter(counted), group[0].label)
    names = [f"{name} x{count}" if count > 1 else name for name, count in counted.most_common(3)]
    rest = say("kinds", language, count=len(counted) - 3) if len(counted) > 3 else ""
    return "\n".join([say("operations", language, count=operations), *names, *([rest] if rest else [])])
