"""GF703 never_stepped: a gradient arrives and its optimizer never steps, steps with rate 0, or is skipped for ever."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def step():
    optimizer.zero_grad()
    (model(inputs) - targets).square().mean().backward()
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
    (model(inputs) - targets).square().mean().backward()
    optimizer.step()
"""

KIND = Kind(
    code="GF703",
    name="never_stepped",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "a gradient arrives, and no step is made of it",
        "勾配は届くが、更新されない",
    ),
    about=about(
        Text(
            "A gradient arrives at every step watched, and the parameters are the same to the bit afterwards.",
            "観察したどのステップでも勾配は届いていますが、その後のパラメータは 1 ビットも変わっていません。",
        ),
        Text(
            "call optimizer.step() after backward(), of the optimizer that holds these parameters",
            "backward() の後に、これらのパラメータを持つオプティマイザの step() を呼ぶ",
        ),
        Text(
            'check the learning rate at the first steps: optimizer.param_groups[0]["lr"]',
            '最初の数ステップの学習率を確かめる: optimizer.param_groups[0]["lr"]',
        ),
        Text(
            "with a GradScaler: scaler.step(optimizer) and scaler.update() in every step",
            "GradScaler では毎ステップ scaler.step(optimizer) と scaler.update() を呼ぶ",
        ),
    ),
    causes=(
        Cause(
            "no_step",
            Text(
                "{optimizer} holds {parameter} and never stepped while {steps} steps were watched.",
                "{optimizer} は {parameter} を持っていますが、観察した {steps} ステップの間、一度も step "
                "していません。",
            ),
            (
                Text(
                    "call step() of this optimizer after backward()",
                    "backward() の後でこのオプティマイザの step() を呼ぶ",
                ),
                Text(
                    "with several optimizers: each needs its own step(); a list of them has none",
                    "複数のオプティマイザでは、それぞれに step() が必要(リストには step() がない)",
                ),
            ),
        ),
        Cause(
            "rate_zero",
            Text(
                "{optimizer} steps with a learning rate of {rate}: nothing moves.",
                "{optimizer} は学習率 {rate} で step しています。何も動きません。",
            ),
            (
                Text(
                    "look at what sets the rate: a scheduler whose factor is 0 (int division, a warm-up counted in "
                    "epochs), a group made with lr=0",
                    "学習率を決めるものを見る: 係数が 0 のスケジューラ(整数除算、エポック単位のウォームアップ)、lr=0 "
                    "のグループ",
                ),
                Text(
                    "a warm-up that begins at 0 should leave it at the second step",
                    "0 から始まるウォームアップなら、2 ステップ目には 0 でなくなるはず",
                ),
            ),
        ),
        Cause(
            "scaler_skips",
            Text(
                "The scaler skipped every step watched, for the gradients hold NaN or infinity each time; its scale "
                "is {scale}.",
                "勾配が毎回 NaN または無限大を含むため、scaler は観察したすべての step を飛ばしました(scale は "
                "{scale})。",
            ),
            (
                Text(
                    "call scaler.update() after each step, so that the scale can come down",
                    "毎 step の後に scaler.update() を呼び、scale を下げられるようにする",
                ),
                Text(
                    "find the operation that makes it: gradcheck_lm.diagnose on one step without the scaler",
                    "原因の演算を探す: scaler なしの 1 ステップを gradcheck_lm.diagnose で調べる",
                ),
            ),
        ),
        Cause(
            "too_small",
            Text(
                "Each step of {optimizer} ({update}) is smaller than half a unit of {parameter}'s {dtype}: added to "
                "it, it rounds away.",
                "{optimizer} の毎回の更新({update})は {parameter} の {dtype} の最小刻みの半分より小さく、"
                "足しても丸めで消えます。",
            ),
            (
                Text(
                    "keep the weights in float32 and let autocast compute in half precision",
                    "重みは float32 のままにし、計算だけ autocast で半精度にする",
                ),
                Text(
                    "a larger learning rate, or an optimizer with float32 master weights",
                    "学習率を上げるか、float32 のマスター重みを持つオプティマイザを使う",
                ),
            ),
        ),
        Cause(
            "undone",
            Text(
                "{parameter} was stepped and then set back to what it was, at {line}.",
                "{parameter} は step の後、{line} で元の値に戻されています。",
            ),
            (
                Text(
                    "take the line that writes the old value out of the loop (load_state_dict, a copy kept from "
                    "before)",
                    "古い値を書く行(load_state_dict、以前のコピー)をループの外に出す",
                ),
            ),
        ),
        Cause(
            "no_gradient_at_step",
            Text(
                "{optimizer} steps, and each time the gradients of what it holds are None.",
                "{optimizer} は step していますが、持っているテンソルの勾配は毎回 None です。",
            ),
            (
                Text(
                    "call backward() before step(), and zero_grad() before backward()",
                    "step() の前に backward() を、backward() の前に zero_grad() を呼ぶ",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
