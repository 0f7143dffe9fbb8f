"""GF501 custom_function: an autograd.Function whose backward gives None or zeros."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad_output):
        return None


model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    return Square.apply(model(inputs)).mean()
"""
INSTEAD = """\
import torch
from torch import nn


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output


model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    return Square.apply(model(inputs)).mean()
"""

KIND = Kind(
    code="GF501",
    name="custom_function",
    since="0.1.0",
    lesson="l22_custom_functions",
    heading=Text(
        "a custom autograd.Function that gives no gradient",
        "勾配を返さない自作の autograd.Function",
    ),
    about=about(
        Text(
            "Its backward returns None or zeros for this input, so autograd's chain ends in it.",
            "backward がこの入力に None または 0 を返すため、逆伝播の連鎖がここで終わります。",
        ),
        Text(
            "return the gradient for every tensor input of forward, in forward's order",
            "forward のテンソル入力すべてに、同じ順序で勾配を返す",
        ),
        Text(
            "check that backward uses grad_output and that ctx.needs_input_grad is not skipped",
            "backward が grad_output を使い、ctx.needs_input_grad で飛ばしていないか確かめる",
        ),
        Text(
            "hold it against finite differences: gradcheck_lm.compare_gradients(fn, wrt)",
            "有限差分と比べる: gradcheck_lm.compare_gradients(fn, wrt)",
        ),
    ),
    causes=(
        Cause(
            "of_a_module",
            Text(
                "{module} is an nn.Module, and autograd never calls the backward of a module: the gradient goes "
                "through what its forward computes, as if this method were not there.",
                "{module} は nn.Module で、autograd がモジュールの backward を呼ぶことはありません。勾配は forward の"
                "計算をそのままたどり、このメソッドは使われません。",
            ),
            (
                Text(
                    "write a torch.autograd.Function with static forward(ctx, ...) and backward(ctx, grad_output), and "
                    "call its apply in the module's forward",
                    "torch.autograd.Function を作って static な forward(ctx, ...) と backward(ctx, grad_output) を"
                    "書き、モジュールの forward から apply を呼ぶ",
                ),
                Text(
                    "to change the gradient alone, in forward: output.register_hook(lambda grad: -factor * grad)",
                    "勾配を変えるだけなら、forward の中で output.register_hook(lambda grad: -factor * grad)",
                ),
            ),
        ),
        Cause(
            "returns_none",
            Text(
                "At {line} the backward() of this Function returns None in the place of a parameter that it is given "
                "here: the parameter never learns.",
                "この Function の backward() は、{line} で、ここで渡されるパラメータの位置に None を返しています。"
                "このパラメータは学習しません。",
            ),
            (
                Text(
                    "return its gradient there: grad_output times the derivative by it, summed to its shape",
                    "その位置に勾配を返す: grad_output に微分を掛け、パラメータの形に合わせて合計する",
                ),
                Text(
                    "requires_grad=False for it, if it is not to learn",
                    "学習させないつもりなら requires_grad=False にする",
                ),
            ),
        ),
        Cause(
            "computed_without_gradient",
            Text(
                "backward() runs with gradient switched off: what it computes again here has no graph, so {function} "
                "at {line} finds no way from it to the inputs.",
                "backward() の中では勾配の記録が切れています。ここで計算し直した値には計算グラフがないので、{line} の "
                "{function} は入力への経路を見つけられません。",
            ),
            (
                Text(
                    "with torch.enable_grad(): around what backward() computes again",
                    "backward() で計算し直す部分を with torch.enable_grad(): で囲む",
                ),
                Text(
                    "or torch.utils.checkpoint.checkpoint(fn, *inputs, use_reentrant=False), which computes again by "
                    "itself",
                    "または、自動で計算し直す torch.utils.checkpoint.checkpoint(fn, *inputs, use_reentrant=False) を"
                    "使う",
                ),
            ),
        ),
        Cause(
            "does_not_fit",
            Text(
                "Its backward does not fit its forward: {error}.",
                "backward が forward と合っていません: {error}。",
            ),
            (
                Text(
                    "return one gradient for each input of forward, in order and of its shape; None where there "
                    "is none",
                    "forward の入力ごとに、同じ順序と形で勾配を 1 つ返す。勾配がなければ None を返す",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "what the gradient should be is in your own backward: correct it there, and hold it against finite "
            "differences with gradcheck_lm.compare_gradients",
            "勾配がどうあるべきかは自作の backward にあります。そこを直し、"
            "gradcheck_lm.compare_gradients で有限差分と比べてください",
        )
    ),
    example=EXAMPLE,
    instead=INSTEAD,
)
