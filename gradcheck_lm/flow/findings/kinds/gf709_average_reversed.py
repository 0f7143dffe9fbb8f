"""GF709 average_reversed: a moving average the wrong way: the trained model is pulled to its own average."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import copy

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
average = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(8, 4)
noise = torch.randn(8, 4)


def step():
    with torch.no_grad():
        targets = average(inputs)
    optimizer.zero_grad()
    (model(inputs + noise) - targets).square().mean().backward()
    optimizer.step()
    with torch.no_grad():
        for mean, trained in zip(average.parameters(), model.parameters()):
            trained.mul_(0.01).add_(mean, alpha=0.99)
"""
INSTEAD = """\
import copy

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
average = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(8, 4)
noise = torch.randn(8, 4)


def step():
    with torch.no_grad():
        targets = average(inputs)
    optimizer.zero_grad()
    (model(inputs + noise) - targets).square().mean().backward()
    optimizer.step()
    with torch.no_grad():
        for mean, trained in zip(average.parameters(), model.parameters()):
            mean.mul_(0.99).add_(trained, alpha=0.01)
"""

KIND = Kind(
    code="GF709",
    name="average_reversed",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "a moving average the wrong way",
        "逆向きの移動平均",
    ),
    about=about(
        Text(
            "Between two steps the trained parameters are overwritten from tensors that no optimizer holds: the "
            "model follows its average, not the average the model.",
            "2 回の step の間に、学習中のパラメータが、どのオプティマイザも持たないテンソルから上書きされています。"
            "平均がモデルを追うのではなく、モデルが平均を追っています。",
        ),
        Text(
            "write into the average: average.mul_(decay).add_(parameter, alpha=1 - decay)",
            "平均の側に書き込む: average.mul_(decay).add_(parameter, alpha=1 - decay)",
        ),
        Text(
            "torch.optim.swa_utils.AveragedModel does it in the right direction",
            "torch.optim.swa_utils.AveragedModel は正しい向きで行う",
        ),
        Text(
            "evaluate with the average, and put the trained weights back afterwards",
            "評価は平均で行い、終わったら学習中の重みを戻す",
        ),
    ),
    causes=(
        Cause(
            "reversed",
            Text(
                "Between two steps of {optimizer} {parameters} are moved towards the weights of another "
                "module, which no optimizer holds and which stay as they are: the average should follow the "
                "model, and here the model is drawn back to the average.",
                "{optimizer} の 2 回の step の間に、{parameters} が別のモジュールの重みに近づけられています。"
                "その重みはどのオプティマイザも持たず、変わりません。平均がモデルを追うべきところ、モデルが平"
                "均に引き戻されています。",
            ),
            (
                Text(
                    "turn the copy round: average.mul_(decay).add_(parameter, alpha=1 - decay)",
                    "コピーの向きを逆にする: average.mul_(decay).add_(parameter, alpha=1 - decay)",
                ),
                Text(
                    "swap the two arguments of the function that averages",
                    "移動平均を取る関数の 2 つの引数を入れ替える",
                ),
                Text(
                    "torch.optim.swa_utils.AveragedModel does it in the right direction",
                    "torch.optim.swa_utils.AveragedModel は正しい向きで行う",
                ),
            ),
        ),
        Cause(
            "away",
            Text(
                "Every write here moves an average of {parameters} away from them: it counts the weights "
                "{share} times, and a mean counts them with a number between 0 and 1. The average drifts off, "
                "faster and faster.",
                "ここでの書き込みは毎回、{parameters} の平均を重みから遠ざけています。重みに掛かる係数は {share} "
                "ですが、平均なら 0 と 1 の間です。平均はますます速く離れていきます。",
            ),
            (
                Text(
                    "turn the difference round: average.add_((parameter - average) * (1 - decay))",
                    "差の向きを逆にする: average.add_((parameter - average) * (1 - decay))",
                ),
                Text(
                    "or take it away: average.sub_((average - parameter) * (1 - decay))",
                    "または引く: average.sub_((average - parameter) * (1 - decay))",
                ),
                Text(
                    "average.lerp_(parameter, 1 - decay) has no sign to get wrong",
                    "average.lerp_(parameter, 1 - decay) なら符号を間違えない",
                ),
            ),
        ),
        Cause(
            "takes_nearly_all",
            Text(
                "Every write here moves the average of {parameters} nearly all the way to them: the newest weights "
                "count {share} times, more than all that were before them. It is a copy that trails by a step, and "
                "averages nothing.",
                "ここでの書き込みは毎回、{parameters} の平均をほぼ今の重みそのものにしています。最新の重みに掛かる"
                "係数は {share} で、それまでの重みすべてより大きくなっています。これは 1 step 遅れのコピーで、平均に"
                "なっていません。",
            ),
            (
                Text(
                    "the small number belongs to the weights: average.lerp_(parameter, 1 - decay)",
                    "小さい係数を重みに掛ける: average.lerp_(parameter, 1 - decay)",
                ),
                Text(
                    "or average.mul_(decay).add_(parameter, alpha=1 - decay)",
                    "または average.mul_(decay).add_(parameter, alpha=1 - decay)",
                ),
                Text(
                    "for a plain copy: average.copy_(parameter)",
                    "ただのコピーでよいなら average.copy_(parameter)",
                ),
            ),
        ),
        Cause(
            "not_put_back",
            Text(
                "In the loop that trains, {writes} puts other weights in the place of those that are trained, and "
                "{method}, which puts them back, is called nowhere: the training goes on from the average.",
                "学習ループの中で、{writes} は学習中の重みを別の重みに置き換えますが、元に戻す {method} はどこでも"
                "呼ばれていません。学習は平均した重みから続くことになります。",
            ),
            (
                Text(
                    "call {method} when the evaluation is over, in a finally: or a with block",
                    "評価が終わったら {method} を呼ぶ(finally: や with ブロックの中で)",
                ),
                Text(
                    "or evaluate a copy of the model that holds the average",
                    "または、平均を持たせたモデルのコピーを評価する",
                ),
            ),
        ),
    ),
    severity="warning",
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
