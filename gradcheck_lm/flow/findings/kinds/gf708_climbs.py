"""GF708 climbs: the step goes up the loss: maximize, a wrong sign."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, maximize=True)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def step():
    optimizer.zero_grad()
    nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def step():
    optimizer.zero_grad()
    nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()
"""

KIND = Kind(
    code="GF708",
    name="climbs",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "the step goes up the loss",
        "損失を増やす更新",
    ),
    about=about(
        Text(
            "The first step of this optimizer moves the parameters along the gradient, not against it: the loss that "
            "was differentiated rises.",
            "このオプティマイザの最初の step は、勾配の逆ではなく勾配の向きに動いています。微分した損失は増えます。",
        ),
        Text(
            "loss.backward() with the loss to be made smaller; -reward.mean() for a reward",
            "小さくしたい損失に loss.backward() を呼ぶ。報酬なら -reward.mean()",
        ),
        Text(
            "leave maximize=True out, unless the number differentiated is to grow",
            "微分する数を大きくしたいのでなければ maximize=True を外す",
        ),
        Text(
            "in a hand-made step: parameter -= rate * grad",
            "手書きの更新では parameter -= rate * grad",
        ),
    ),
    causes=(
        Cause(
            "maximize",
            Text(
                "The first step of {optimizer} moves its tensors along the gradient and not against it "
                "(cosine {cosine}): it was made with maximize=True, so the loss of backward() at {line} "
                "grows.",
                "{optimizer} の最初の step は、テンソルを勾配の逆ではなく勾配の向きに動かしています(コサイン"
                " {cosine})。maximize=True で作られているため、{line} の backward() の損失は増えます。",
            ),
            (
                Text(
                    "drop maximize=True for a loss",
                    "損失なら maximize=True を外す",
                ),
                Text(
                    "keep it for a reward, and do not negate the reward as well",
                    "報酬なら残し、符号を重ねて反転しない",
                ),
            ),
        ),
        Cause(
            "sign",
            Text(
                "The gradients of {parameter} change their sign between backward() and the step, at {line}.",
                "{parameter} の勾配の符号が、backward() と step の間の {line} で反転しています。",
            ),
            (
                Text(
                    "take the sign away at that line, or negate the loss instead",
                    "その行の符号を外すか、代わりに損失の符号を変える",
                ),
                Text(
                    "for an adversary that is meant to climb, give it an optimizer of its own with maximize=True",
                    "損失を増やしたい側(敵対的学習など)には、maximize=True の専用オプティマイザを使う",
                ),
            ),
        ),
        Cause(
            "negated",
            Text(
                "A loss that is made to be small is negated here, and backward() at {line} is called on the result: "
                "each step of {optimizer} makes the loss itself larger.",
                "小さくするための損失がここで符号を反転され、その結果に {line} で backward() が呼ばれています。"
                "{optimizer} の step のたびに、損失そのものは大きくなります。",
            ),
            (
                Text(
                    "drop the minus sign",
                    "マイナス符号を外す",
                ),
                Text(
                    "to unlearn on purpose, give that optimizer maximize=True: then the sign says so",
                    "忘却させるのが目的なら、そのオプティマイザに maximize=True を渡して明示する",
                ),
            ),
        ),
        Cause(
            "negative_rate",
            Text(
                "The first step of {optimizer} moves its tensors along the gradient and not against it "
                "(cosine {cosine}): its rate is {rate}, below zero, so the loss of backward() at {line} "
                "grows.",
                "{optimizer} の最初の step は、テンソルを勾配の逆ではなく勾配の向きに動かしています(コサイン"
                " {cosine})。学習率が負の {rate} であるため、{line} の backward() の損失は増えます。",
            ),
            (
                Text(
                    "a positive rate: look at what sets it, such as a schedule that runs on past its end",
                    "学習率を正にする: 終わりを過ぎても進むスケジュールなど、学習率を決めるものを見る",
                ),
                Text(
                    "loss.backward() with the loss to be made smaller; -reward.mean() for a reward",
                    "小さくしたい損失に loss.backward() を呼ぶ。報酬なら -reward.mean()",
                ),
            ),
        ),
        Cause(
            "adds",
            Text(
                "The first step of {optimizer} moves its tensors along the gradient and not against it "
                "(cosine {cosine}): its step adds what should be taken off, so the loss of backward() at "
                "{line} grows.",
                "{optimizer} の最初の step は、テンソルを勾配の逆ではなく勾配の向きに動かしています(コサイン"
                " {cosine})。引くべきものを足しているため、{line} の backward() の損失は増えます。",
            ),
            (
                Text(
                    "in a hand-made step: parameter -= rate * grad",
                    "手書きの更新では parameter -= rate * grad",
                ),
                Text(
                    "loss.backward() with the loss to be made smaller; -reward.mean() for a reward",
                    "小さくしたい損失に loss.backward() を呼ぶ。報酬なら -reward.mean()",
                ),
            ),
        ),
        Cause(
            "by_hand",
            Text(
                "This line adds to the weights what backward() at {line} gave: the loss grows along its gradient.",
                "この行は {line} の backward() が与えた勾配を重みに足しています。損失は勾配の向きに増えます。",
            ),
            (
                Text(
                    "parameter -= rate * parameter.grad, or parameter.sub_(parameter.grad, alpha=rate)",
                    "parameter -= rate * parameter.grad、または parameter.sub_(parameter.grad, alpha=rate)",
                ),
                Text(
                    "torch.optim.SGD(model.parameters(), lr=rate) does it with the right sign",
                    "torch.optim.SGD(model.parameters(), lr=rate) なら正しい符号で行われる",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
