"""GF404 trained_or_frozen_by_mistake: requires_grad misspelt, a fresh layer frozen, a frozen one trained."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
model[0].requires_grad = False
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(2, 4)


def step():
    optimizer.zero_grad()
    model(inputs).square().mean().backward()
    optimizer.step()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
model[0].requires_grad_(False)
optimizer = torch.optim.SGD(model[1].parameters(), lr=0.1)
inputs = torch.randn(2, 4)


def step():
    optimizer.zero_grad()
    model(inputs).square().mean().backward()
    optimizer.step()
"""

KIND = Kind(
    code="GF404",
    name="trained_or_frozen_by_mistake",
    since="0.2.0",
    lesson="l05_frozen_is_not_cut",
    heading=Text(
        "trained or frozen by mistake",
        "誤って学習または凍結されている",
    ),
    about=about(
        Text(
            "What is frozen and what is trained is very likely not what was meant.",
            "凍結されているものと学習されるものが、意図と違う可能性がとても高いです。",
        ),
        Text(
            "module.requires_grad_(False) freezes all parameters of a module; module.requires_grad = False only sets "
            "an attribute",
            "module.requires_grad_(False) は全パラメータを凍結する。module.requires_grad = False は属性を作るだけ",
        ),
        Text(
            "parameter.requires_grad_(True) for a layer that was made new in this run",
            "この実行で新しく作った層には parameter.requires_grad_(True)",
        ),
        Text(
            "freeze by name, then print what is trained: [n for n, p in model.named_parameters() if p.requires_grad]",
            "名前で凍結した後、学習対象を表示して確かめる: [n for n, p in model.named_parameters() if p.requires_grad]",
        ),
    ),
    causes=(
        Cause(
            "misspelt",
            Text(
                "{name} was set on {owner}, and torch knows no such attribute: nothing was frozen by it.",
                "{owner} に {name} が設定されましたが、torch にその属性はありません。何も凍結されていません。",
            ),
            (
                Text(
                    "requires_grad_(False), with an s and as a call: a misspelt call raises, a misspelt attribute "
                    "does not",
                    "s を付け、呼び出しとして requires_grad_(False) と書く: 呼び出しの綴り誤りはエラーになるが、"
                    "属性ではならない",
                ),
            ),
        ),
        Cause(
            "never_thawed",
            Text(
                "{name} is set on {owner}, and torch knows no such attribute: nothing is unfrozen by it.",
                "{owner} に {name} を設定していますが、torch にその属性はありません。何も凍結解除されません。",
            ),
            (
                Text(
                    "requires_grad_(True), with an s and as a call: a misspelt call raises, a misspelt attribute does "
                    "not",
                    "s を付け、呼び出しとして requires_grad_(True) と書く: 呼び出しの綴り誤りはエラーになるが、"
                    "属性ではならない",
                ),
            ),
        ),
        Cause(
            "module_attribute",
            Text(
                "{owner} is a module, and requires_grad = False on a module sets an attribute that nothing reads: "
                "its parameters are trained.",
                "{owner} はモジュールです。モジュールへの requires_grad = False は誰も読まない属性を作るだけで、"
                "パラメータは学習されます。",
            ),
            (
                Text(
                    "{owner}.requires_grad_(False)",
                    "{owner}.requires_grad_(False) とする",
                ),
            ),
        ),
        Cause(
            "fresh_and_frozen",
            Text(
                "{parameter} is frozen, was initialised at random in this run and never loaded: the loss goes "
                "through noise that cannot learn.",
                "{parameter} は凍結されていますが、この実行で乱数初期化され、読み込まれていません。"
                "損失は学習できない乱数を通ります。",
            ),
            (
                Text(
                    "{parameter}.requires_grad_(True), or load its weights before freezing",
                    "{parameter}.requires_grad_(True) とするか、凍結の前に重みを読み込む",
                ),
                Text(
                    "freeze the backbone alone, before the new head is put in",
                    "新しいヘッドを付ける前に、バックボーンだけを凍結する",
                ),
            ),
        ),
        Cause(
            "caught_by_a_word",
            Text(
                "This line freezes {word}, and {part} with it, whose name has the same word in it: that part was "
                "initialised at random in this run and never loaded, and cannot learn.",
                "この行は {word} を凍結し、名前に同じ語を含む {part} も一緒に凍結しています。後者はこの実行で乱数"
                "初期化され、読み込まれておらず、学習もできません。",
            ),
            (
                Text(
                    "ask for the beginning of the name: name.startswith('{word}.')",
                    "名前の先頭で選ぶ: name.startswith('{word}.')",
                ),
                Text(
                    "or freeze the part itself: model.{word}.requires_grad_(False)",
                    "またはその部分だけを凍結する: model.{word}.requires_grad_(False)",
                ),
            ),
        ),
        Cause(
            "zero_and_frozen",
            Text(
                "{parameters} are 0 and frozen by this line, and no later one thaws them: what goes through them stays "
                "0, as an adapter's does whose training was meant.",
                "{parameters} は 0 のまま、この行で凍結され、後で解除されません。ここを通る値はずっと 0 です"
                "(学習するはずのアダプタなら、何も学習しません)。",
            ),
            (
                Text(
                    "switch the adapters on after everything is frozen: p.requires_grad_('lora_' in name) for all, not "
                    "only off for the rest",
                    "全体を凍結した後でアダプタを有効にする: 残りを無効にするだけでなく、すべてに "
                    "p.requires_grad_('lora_' in name) を適用する",
                ),
                Text(
                    "look at sum(p.numel() for p in model.parameters() if p.requires_grad) before training",
                    "学習の前に sum(p.numel() for p in model.parameters() if p.requires_grad) を確かめる",
                ),
            ),
        ),
        Cause(
            "thawed_again",
            Text(
                "{line} freezes {parameters}, and here requires_grad is switched on again for all of them: nothing "
                "stays frozen.",
                "{line} で {parameters} を凍結しましたが、ここですべての requires_grad が再び True になります。"
                "何も凍結されていません。",
            ),
            (
                Text(
                    "freeze after this line, or leave the frozen ones out of the loop",
                    "この行より後で凍結するか、凍結したものをこのループから除く",
                ),
                Text(
                    "if all of it is meant to be trained, drop the line that freezes",
                    "すべて学習させるつもりなら、凍結する行を消す",
                ),
            ),
        ),
        Cause(
            "target_learns",
            Text(
                "This target is made by the very network whose prediction {function} at {line} holds against it, and "
                "its gradient goes through both: the target is moved to meet the prediction.",
                "この目標値は、{line} の {function} が比べる予測と同じネットワークから作られ、勾配は両方に流れます。"
                "目標値の側も予測に合うように動かされます。",
            ),
            (
                Text(
                    "with torch.no_grad(): target = reward + gamma * value(next_state), or .detach() on the target",
                    "with torch.no_grad(): target = reward + gamma * value(next_state)、または目標値に .detach()",
                ),
                Text(
                    "better from a copy of the network that follows it slowly",
                    "ゆっくり追従する別のネットワーク(ターゲットネットワーク)から作るとなおよい",
                ),
            ),
        ),
        Cause(
            "critic_in_the_policy_loss",
            Text(
                "A log-probability is multiplied by what a network gives that learns as well: this loss trains that "
                "network too, to make its value large or small and not right.",
                "対数確率に、別のネットワークの(学習対象の)出力が掛けられています。この損失はそのネットワークまで学習"
                "させ、値を正しくするのではなく大きく、または小さくします。",
            ),
            (
                Text(
                    "detach the advantage in the policy's loss: (reward - value).detach() * log_prob",
                    "方策の損失ではアドバンテージを切り離す: (reward - value).detach() * log_prob",
                ),
                Text(
                    "the critic learns by a loss of its own: mse_loss(value, reward)",
                    "クリティックは自分の損失で学習させる: mse_loss(value, reward)",
                ),
            ),
        ),
        Cause(
            "trained_though_frozen",
            Text(
                "{parameter} was said to be frozen and is trained: {optimizer} changed it.",
                "{parameter} は凍結するはずでしたが、{optimizer} が変更しています。",
            ),
            (
                Text(
                    "{parameter}.requires_grad_(False) before the optimizer is made, and give the optimizer only "
                    "what asks for a gradient",
                    "オプティマイザを作る前に {parameter}.requires_grad_(False) とし、勾配を求めるものだけを渡す",
                ),
                Text(
                    "weight decay moves a parameter without gradient too: leave it out of the optimizer",
                    "重み減衰は勾配のないパラメータも動かす: オプティマイザから外す",
                ),
            ),
        ),
    ),
    severity="warning",
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
