"""GF807 mixed_reductions: one term of a loss is a mean over the batch, another a sum over it."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(8, 8)
inputs = torch.randn(16, 8)


def loss():
    outputs = model(inputs)
    return nn.functional.mse_loss(outputs, inputs) + 0.5 * outputs.square().sum()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(8, 8)
inputs = torch.randn(16, 8)


def loss():
    outputs = model(inputs)
    return nn.functional.mse_loss(outputs, inputs) + 0.5 * outputs.square().sum(1).mean()
"""
_CURES = (
    Text(
        "reduce both alike: a sum over the features of each sample, then a mean over the samples",
        "両方を同じようにまとめる: サンプルごとに特徴量で合計し、サンプルで平均する",
    ),
    Text(
        "or divide the sum by the batch's size, and choose a weight for it",
        "または合計をバッチの大きさで割り、重みを選ぶ",
    ),
)

KIND = Kind(
    code="GF807",
    name="mixed_reductions",
    since="0.2.0",
    lesson="l18_shapes_in_losses",
    heading=Text(
        "a mean and a sum over the same batch in one loss",
        "1 つの損失の中で同じバッチの平均と合計が混在",
    ),
    about=about(
        Text(
            "One term averages over the batch and another one adds up over it: the sum outweighs the mean, the more "
            "the larger the batch is.",
            "ある項はバッチで平均し、別の項はバッチで合計しています。合計は平均よりもはるかに大きく、"
            "バッチが大きいほど差が広がります。",
        ),
        *_CURES,
    ),
    causes=(
        Cause(
            "over_the_batch",
            Text(
                "{sum} adds up {shape} over the whole batch, and at {line} that stands beside {mean} of {there}, which "
                "averages {averaged}: the sum outweighs the mean, the more the larger the batch is.",
                "{sum} は {shape} をバッチ全体で合計しますが、{line} では {averaged} を平均する {there} の {mean} "
                "と足し合わされています。合計は平均よりもはるかに大きく、バッチが大きいほど差が広がります。",
            ),
            _CURES,
        ),
        Cause(
            "kl_mean",
            Text(
                'reduction="mean", the default of kl_div, divides by all {shape} values, classes as well as samples: '
                "what comes out is the divergence divided by {count}.",
                'kl_div の既定値 reduction="mean" は、サンプルだけでなくクラスも含めた {shape} のすべての値の数で割り'
                "ます。結果はダイバージェンスの {count} 分の 1 です。",
            ),
            (
                Text(
                    'kl_div(..., reduction="batchmean"), nn.KLDivLoss("batchmean")',
                    'kl_div(..., reduction="batchmean")、nn.KLDivLoss("batchmean") とする',
                ),
                Text(
                    'for one divergence a position: kl_div(..., reduction="none").sum(-1).mean()',
                    '位置ごとのダイバージェンスなら kl_div(..., reduction="none").sum(-1).mean()',
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "the gradient arrives: which weight the terms should have is for you to say",
            "勾配は届いています。各項の重みをどうするかは作者が決めることです",
        )
    ),
    severity="warning",
    example=EXAMPLE,
    instead=INSTEAD,
)
