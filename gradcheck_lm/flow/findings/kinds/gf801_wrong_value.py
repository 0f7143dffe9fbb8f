"""GF801 wrong_value: the backward pass gives another value than finite differences."""

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
        (x,) = ctx.saved_tensors
        return 2 * x


model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    return 0.5 * Square.apply(model(inputs)).mean()
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
    return 0.5 * Square.apply(model(inputs)).mean()
"""

KIND = Kind(
    code="GF801",
    name="wrong_value",
    since="0.2.0",
    lesson="l22_custom_functions",
    heading=Text(
        "a gradient of the wrong value",
        "値の誤った勾配",
    ),
    about=about(
        Text(
            "A gradient arrives and is not that of the loss: finite differences, or a second call, give another.",
            "勾配は届きますが、損失の勾配ではありません。有限差分や 2 回目の呼び出しは別の値になります。",
        ),
        Text(
            "hold it against finite differences: gradcheck_lm.compare_gradients(fn, wrt)",
            "有限差分と比べる: gradcheck_lm.compare_gradients(fn, wrt)",
        ),
        Text(
            "multiply by grad_output in a custom backward",
            "自作の backward では grad_output を掛ける",
        ),
        Text(
            "a surrogate that is meant (straight-through) differs on purpose: then there is no fault here",
            "意図した代理勾配(STE)なら、異なるのは意図どおりで誤りではない",
        ),
    ),
    causes=(
        Cause(
            "unread_gradient",
            Text(
                "The backward of {function} does not look at {gradient}: it gives the same gradient whatever comes "
                "behind it, and what comes behind has no say in its size and sign.",
                "{function} の backward は {gradient} を参照していません。後の計算が何であっても同じ勾配を返すため、"
                "勾配の大きさと符号に後の計算が反映されません。",
            ),
            (
                Text(
                    "multiply by what comes in: return {gradient} * local_derivative",
                    "入ってきた勾配を掛ける: return {gradient} * local_derivative",
                ),
                Text(
                    "hold it against finite differences: torch.autograd.gradcheck, or gradcheck-lm run --check-values",
                    "有限差分と比べる: torch.autograd.gradcheck、または gradcheck-lm run --check-values",
                ),
            ),
        ),
        Cause(
            "ignores_upstream",
            Text(
                "{function}'s backward gives the same gradient whatever comes in: it does not use its grad_output, so "
                "what follows {line}, where it is applied, has no say in size and sign of the gradient.",
                "{function} の backward は、何が入ってきても同じ勾配を返します。grad_output を使っていないため、"
                "適用している {line} より後の計算が勾配の大きさと符号に反映されません。",
            ),
            (
                Text(
                    "return grad_output * local_derivative",
                    "grad_output * local_derivative を返す",
                ),
                Text(
                    "if the loss is always this function's own output, say so where it is defined",
                    "常にこの関数の出力自体が損失なら、定義にそう書いておく",
                ),
            ),
        ),
        Cause(
            "redrawn",
            Text(
                "What runs in this checkpoint draws random numbers ({function} at {line}), and with "
                "preserve_rng_state=False it draws others when backward() runs it again: the gradient is that of "
                "another value than the loss.",
                "このチェックポイントの中では乱数が生成されます({line} の {function})。preserve_rng_state=False では "
                "backward() の再計算で別の乱数が生成されるため、勾配は損失とは別の値の勾配になります。",
            ),
            (
                Text(
                    "leave preserve_rng_state at True: the state is kept and put back",
                    "preserve_rng_state を True のままにする: 状態が保存され、元に戻される",
                ),
                Text(
                    "or draw the numbers before the checkpoint, and hand them in",
                    "または、チェックポイントの前で乱数を生成し、引数として渡す",
                ),
            ),
        ),
        Cause(
            "repeated_indices",
            Text(
                "{function} was given an index more than once: of the values that go to one place only one is kept, "
                "and each is given a gradient.",
                "{function} に同じ添字が複数回渡されています。1 か所に書かれる値は 1 つだけ残りますが、"
                "勾配はどれにも渡されます。",
            ),
            (
                Text(
                    "index_add_, scatter_add_ or scatter_reduce where values are to be added up",
                    "値を足し合わせるなら index_add_、scatter_add_、scatter_reduce を使う",
                ),
                Text(
                    "make the indices unique",
                    "添字を重複のないものにする",
                ),
            ),
        ),
        Cause(
            "first_order",
            Text(
                "The inner step at {line} was made without create_graph=True: the outer gradient leaves the second "
                "derivative out.",
                "{line} の内側の更新は create_graph=True なしで行われました。外側の勾配から 2 階微分が抜けています。",
            ),
            (
                Text(
                    "torch.autograd.grad(..., create_graph=True) in the inner loop",
                    "内側のループで torch.autograd.grad(..., create_graph=True)",
                ),
                Text(
                    "if the first-order form is meant (FOMAML), there is no fault here",
                    "1 次の形を意図しているなら(FOMAML)誤りではない",
                ),
            ),
        ),
        Cause(
            "differs",
            Text(
                "For {parameter} autograd gives {computed}, and finite differences give {expected}.",
                "{parameter} について、autograd は {computed}、有限差分は {expected} です。",
            ),
            (
                Text(
                    "look at the custom Functions and the in-place writes on the way",
                    "途中の自作 Function と in-place の書き込みを調べる",
                ),
                Text(
                    "check in double precision: model.double()",
                    "倍精度で確かめる: model.double()",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "the gradient is not cut: it arrives with another value",
            "勾配は切れておらず、別の値で届いています",
        )
    ),
    asked_by="check_values",
    example=EXAMPLE,
    instead=INSTEAD,
)
