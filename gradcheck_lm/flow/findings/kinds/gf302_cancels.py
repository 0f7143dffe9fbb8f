"""GF302 cancels: paths that part and meet again with opposite signs: the gradient is zero by subtraction."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    features = model(inputs)
    copy = features * 1.0
    return (features - copy).sum() + 1.0
"""
INSTEAD = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)
target = torch.zeros(2, 3)


def loss():
    features = model(inputs)
    return (features - target).square().sum()
"""

KIND = Kind(
    code="GF302",
    name="cancels",
    since="0.2.0",
    lesson="l04_three_illnesses",
    heading=Text(
        "gradients that cancel",
        "打ち消し合う勾配",
    ),
    about=about(
        Text(
            "A gradient arrives along several paths, and their sum is zero: the loss does not change with this value.",
            "勾配は複数の経路から届きますが、その和は 0 です。この値が変わっても損失は変わりません。",
        ),
        Text(
            "detach the side that is meant as a target: (x - target.detach()).square()",
            "目標とする側を detach する: (x - target.detach()).square()",
        ),
        Text(
            "check the signs of the terms that meet here",
            "ここで合流する項の符号を確かめる",
        ),
        Text(
            "look for a sum that is constant by its making: a softmax summed over its own classes, a value minus "
            "itself",
            "必ず定数になる和を探す: クラス全体にわたる softmax の和、自分自身との差",
        ),
    ),
    causes=(
        Cause(
            "subtracted",
            Text(
                "The value goes on along two ways, at {line} and {other_line}, and they meet here with opposite "
                "signs: nothing is left of its gradient.",
                "値は {line} と {other_line} の 2 つの経路に分かれ、ここで逆の符号で合流します。勾配は何も残りません。",
            ),
            (
                Text(
                    "detach one of them, the one that is meant as a constant: x - quantised.detach()",
                    "定数とするつもりの一方を detach する: x - quantised.detach()",
                ),
                Text(
                    "if both are meant, the loss cannot depend on it: leave this value out of the term",
                    "両方とも意図したものなら損失はこの値に依存しない: この項から外す",
                ),
            ),
        ),
        Cause(
            "own_density",
            Text(
                "The value whose density is asked for was drawn from this very distribution with its gradient, as "
                "rsample() does: it moves with the mean, and the density stays the same.",
                "密度を求めている値は、この分布自身から(rsample() のように)勾配つきで取り出されています。値は平均と"
                "ともに動くので、密度は変わりません。",
            ),
            (
                Text(
                    "to learn from a reward: log_prob(value.detach()) * reward, or sample() in the place of rsample()",
                    "報酬から学習するなら log_prob(value.detach()) * reward とするか、rsample() の代わりに sample() を"
                    "使う",
                ),
                Text(
                    "to keep it spread out: distribution.entropy()",
                    "広がりを保つためなら distribution.entropy()",
                ),
                Text(
                    "to hold it near another one: kl_divergence(this, other), or log_prob under the other one as well",
                    "別の分布に近づけるなら kl_divergence(この分布, 別の分布) とするか、別の分布での log_prob も加える",
                ),
            ),
        ),
        Cause(
            "sums_to_a_constant",
            Text(
                "What is summed here adds up to a constant whatever enters, as a softmax over its own classes does.",
                "ここで合計されるものは、何が入っても定数になります(クラス全体にわたる softmax の和など)。",
            ),
            (
                Text(
                    "weight the parts before summing: (p * values).sum(-1)",
                    "合計する前に重みを付ける: (p * values).sum(-1)",
                ),
                Text(
                    "sum over another axis, or pick the wanted class: p.gather(-1, labels)",
                    "別の軸で合計するか、必要なクラスを取り出す: p.gather(-1, labels)",
                ),
            ),
        ),
        Cause(
            "equal_halves",
            Text(
                "Equal parts of the batch pull {parameter} up and down by the same amount.",
                "バッチの等しい部分が {parameter} を同じ量だけ上下に引いています。",
            ),
            (
                Text(
                    "no fault if the parts are meant to balance; another batch will tell",
                    "釣り合うように作ったのなら誤りではない: 別のバッチで分かる",
                ),
                Text(
                    "a shift that both sides share can be left out: bias=False",
                    "両側に共通の定数項は不要: bias=False",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "the gradients arrive and cancel: there is no cut to lead past",
            "勾配は届いて打ち消し合っています。つなぎ直すべき切断はありません",
        )
    ),
    example=EXAMPLE,
    instead=INSTEAD,
)
