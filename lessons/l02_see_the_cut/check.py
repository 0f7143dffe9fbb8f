"""Checks of exercise 2: graphs of many shapes, and chains of values with one or several cuts."""

import torch

from gradcheck_lm.course.expect import expect, expect_type
from gradcheck_lm.course.toys import collapse, story


def same(found, wanted):
    """Whether two lists hold the same tensor objects, each once."""
    return sorted(id(one) for one in found) == sorted(id(one) for one in wanted)


def parameters():
    """Three leaves, of which two hold equal numbers."""
    return [torch.full((2, 3), value, requires_grad=True) for value in (0.5, 0.5, 2.0)]


class Loss(torch.Tensor):
    """A tensor whose grad_fn is an operation of our own."""

    top = None

    @property
    def grad_fn(self):
        return self.top

    @property
    def requires_grad(self):
        return True

    @property
    def is_leaf(self):
        return False


class Operation:
    """An operation that counts how often it is asked for its inputs."""

    visits = 0

    def __init__(self, *inputs):
        self.inputs = inputs

    def name(self):
        return "AccumulateGrad" if hasattr(self, "variable") else "OperationBackward"

    @property
    def next_functions(self):
        Operation.visits += 1
        return tuple((one, 0) for one in self.inputs)


def check_leaves_of_a_small_graph(answer):
    """all leaves of a small graph are found, each once
    小さなグラフの葉テンソルが、一度ずつすべて見つかる"""
    a, b, c = parameters()
    found = answer.reachable_leaves(((a * b).exp() + b).sum())
    expect_type("reachable_leaves", (list, tuple), found)
    expect(
        not any(one is c for one in found),
        ja="損失とつながっていない葉テンソルが入っています。",
        en="A leaf tensor is among them that the loss is not connected with.",
    )
    expect(
        len(found) <= 2,
        ja="同じ葉テンソルが何度も出てきます(二つのはずが {count} 個)。訪れた演算を覚えておいてください。",
        en="The same leaf tensor comes more than once ({count} instead of two). Remember the operations visited.",
        count=len(found),
    )
    expect(
        same(found, [a, b]),
        ja="見つからない葉テンソルがあります。`next_functions` のすべての入力を調べてください。",
        en="A leaf tensor is missing: look at every input in `next_functions`.",
    )


def check_inputs_without_a_path(answer):
    """constants and frozen parameters have no path, and are no reason to stop
    定数や凍結されたパラメータには経路がない。それでエラーになってはいけない"""
    a, b, c = parameters()
    b.requires_grad_(False)
    found = answer.reachable_leaves((torch.ones(3) * (a * b) * 2 + c).sum())
    expect(
        same(answer.reachable_leaves((a * 2).exp()), [a]),
        ja="要素が一つでない値からも、葉テンソルを集めてください。",
        en="Collect the leaf tensors of a value with several entries too.",
    )
    expect(
        same(found, [a, c]),
        ja="凍結されたパラメータや定数が混ざったときの答えが違います({count} 個見つかりました)。",
        en="The answer is wrong where frozen parameters and constants take part (found {count}).",
        count=len(found),
    )


def check_where_the_path_has_no_length(answer):
    """a loss without a graph reaches nothing; a leaf reaches itself
    計算グラフのない損失は何にも届かない。葉テンソルは自分自身に届く"""
    a, _, _ = parameters()
    expect(
        list(answer.reachable_leaves(a.detach().sum())) == [],
        ja="計算グラフのない損失には、空のリストを返してください。",
        en="For a loss without a graph, give an empty list.",
    )
    expect(
        same(answer.reachable_leaves(a), [a]),
        ja="葉テンソルそのものには `grad_fn` がありませんが、勾配は自分自身に届きます。",
        en="A leaf tensor has no `grad_fn`, and yet a gradient reaches it: it reaches itself.",
    )


def check_diamonds(answer):
    """an operation with many paths to it is visited once
    多くの経路が通る演算も、訪れるのは一度だけ"""
    a, _, _ = parameters()
    leaf = Operation()
    leaf.variable = a
    top, diamonds = leaf, 12
    for _ in range(diamonds):
        top = Operation(Operation(top), Operation(top))
    Operation.visits = 0
    loss = torch.ones(()).as_subclass(Loss)
    loss.top = top
    found = answer.reachable_leaves(loss)
    boxes = 3 * diamonds + 1
    expect(
        same(found, [a]),
        ja="ひし形の続く計算グラフで、葉テンソルが正しく見つかりません({count} 個)。",
        en="In a graph of many diamonds the leaf tensor was not found, or not once (found {count}).",
        count=len(found),
    )
    expect(
        Operation.visits <= 2 * boxes,
        ja="箱は {boxes} 個なのに、訪問が {visits} 回ありました。経路の数は、ひし形のたびに倍になります。",
        en="There are {boxes} boxes, and {visits} visits: with each diamond the number of paths doubles.",
        boxes=boxes,
        visits=Operation.visits,
    )


def check_long_chain(answer):
    """a chain of 3,000 operations is walked to its end
    演算が 3,000 個つながっていても、最後までたどれる"""
    a, b, _ = parameters()
    value = a
    for place in range(3000):
        value = value * 1.001 if place != 1500 else value + b
    expect(
        same(answer.reachable_leaves(value.sum()), [a, b]),
        ja="長い計算グラフで葉テンソルを見失いました。たどる長さに上限を設けていませんか。",
        en="In a long graph leaf tensors were lost. Is there a bound on the length of the walk?",
    )


def check_a_path_and_not_a_flag(answer):
    """reaches() asks for a path: requires_grad may be True and the path lead elsewhere
    reaches() が調べるのは経路。requires_grad が True でも、経路は別の所へ行くことがある"""
    a, b, c = parameters()
    expect(
        answer.reaches((a * c).sum(), a) is True,
        ja="経路があるのに「無い」と答えました。",
        en="There is a path, and it was denied.",
    )
    expect(
        answer.reaches((b * c).sum(), a) is False,
        ja="`requires_grad` は `True` ですが、経路は別の葉テンソルへ行きます。"
        "値が等しいだけの葉テンソルと取り違えてもいけません。",
        en="`requires_grad` is `True`, but the path leads to another leaf tensor. "
        "Nor is one that merely holds equal numbers the same.",
    )


def check_values_that_are_no_tensors(answer):
    """lists, strings and NumPy arrays have no paths
    リスト、文字列、NumPy の配列には経路がない"""
    a, _, _ = parameters()
    for value in (a.tolist(), "disc", 0.5, a.detach().numpy(), None):
        expect(
            answer.reaches(value, a) is False,
            ja="テンソルでない値(`{kind}`)には経路がありません。",
            en="A value that is no tensor (`{kind}`) has no path.",
            kind=type(value).__name__,
        )


def check_first_cut(answer):
    """the first stage without a path is named, and None where all is well
    経路のない最初の段を答える。問題がなければ None"""
    recogniser, language_model, frames = story()
    weight = recogniser.head.weight
    logits = recogniser(frames)
    ids = logits.argmax(-1)[:, 0]
    text = collapse(ids.tolist())
    score = language_model.score(text)
    stages = [("logits", logits), ("argmax", ids), ("string", text), ("score", score), ("loss", score * 0.1)]
    named = answer.first_cut(stages, weight)
    expect(
        named == "argmax",
        ja="最初の切断は `argmax` ですが、`{named}` と答えました。後ろの段は結果にすぎません。",
        en="The first cut is at `argmax`, and the answer was `{named}`: what comes later is only the consequence.",
        named=named,
    )
    probabilities = logits.softmax(-1)
    copied = probabilities.detach().clone().requires_grad_()
    stages = [("logits", logits), ("softmax", probabilities), ("copy", copied), ("loss", copied.square().sum())]
    named = answer.first_cut(stages, weight)
    expect(
        named == "copy",
        ja="`requires_grad_()` で作り直したテンソルは、新しい葉テンソルです。"
        "切断は `copy` ですが、`{named}` と答えました。",
        en="A tensor made anew with `requires_grad_()` is a new leaf tensor: the cut is at `copy`, not at `{named}`.",
        named=named,
    )
    for chain, right in (
        ([("first", logits.detach()), ("then", logits), ("last", logits * 2)], "first"),
        ([("first", logits), ("then", logits * 2), ("last", logits.detach())], "last"),
    ):
        named = answer.first_cut(chain, weight)
        expect(
            named == right,
            ja="経路がないのは `{right}` の段ですが、`{named}` と答えました。最初の段も最後の段も調べます。",
            en="It is the stage `{right}` that has no path, and the answer was `{named}`: the first and the last stage "
            "are to be looked at too.",
            right=right,
            named=named,
        )
    healthy = [("logits", logits), ("softmax", probabilities), ("loss", probabilities.square().sum())]
    expect(
        answer.first_cut(healthy, weight) is None,
        ja="切れ目のない計算に、切れ目があると答えました。",
        en="A computation without a cut was said to have one.",
    )
