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
IN_ITS_UNIT = (
    Text(
        "step it once an epoch, behind the loop over batches", "バッチのループの後で、エポックごとに 1 回だけ step する"
    ),
    Text(
        "or give its setting in batches: epochs * len(loader)", "または設定値をバッチ数で与える: epochs * len(loader)"
    ),
)

KIND = Kind(
    code="GF703",
    name="never_stepped",
    since="0.2.0",
    lesson="l14_who_steps_what",
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
                "backward() at {line} gives a gradient to {parameters}, and step() of {optimizer}, which "
                "holds them, is never called.",
                "{line} の backward() で {parameters} に勾配が届きますが、それを持つ {optimizer} の step() は"
                "一度も呼ばれません。",
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
            "condition_unmet",
            Text(
                "backward() at {line} gave a gradient to {parameters} {count} times, and step() of {optimizer}, which "
                "holds them, stands under a condition that was never met ({condition}).",
                "{line} の backward() で {parameters} に {count} 回勾配が届きましたが、それを持つ {optimizer} の "
                "step() は条件({condition})の中にあり、条件は一度も成り立ちませんでした。",
            ),
            (
                Text(
                    "with gradient accumulation: at most as many micro-batches as an epoch has, and one step for what "
                    "is left at its end",
                    "勾配累積では、累積の回数をエポックのバッチ数以下にし、最後の余りでも step() を呼ぶ",
                ),
                Text(
                    "look at the numbers in the condition: what they count, and from where",
                    "条件の中の数が何をどこから数えているかを調べる",
                ),
            ),
        ),
        Cause(
            "rate_zero",
            Text(
                "{optimizer} stepped {steps} times with a rate of 0: gradients arrive and nothing moves.",
                "{optimizer} は学習率 0 で {steps} 回 step しました。勾配は届きますが、何も動きません。",
            ),
            (
                Text(
                    "look at what sets the rate: a scheduler's first factor, a warm-up that never counts, the lr given",
                    "学習率を決めるものを見る: スケジューラの最初の係数、進まないウォームアップ、指定した lr",
                ),
                Text(
                    "a warm-up from 0 is well where the rate has grown by the second step",
                    "0 から始まるウォームアップは、2 ステップ目に学習率が上がっていれば問題ない",
                ),
            ),
        ),
        Cause(
            "each_batch",
            Text(
                "{scheduler} is stepped here in the loop over batches, inside one of {epochs} epochs, and {setting} "
                "fits those: counted in batches the rate is soon next to nothing.",
                "{scheduler} は、{epochs} エポックのループの中のバッチごとのループで step されています。"
                "{setting} はエポックを数える値に見えます。バッチで数えると、学習率はすぐにほとんど 0 になります。",
            ),
            IN_ITS_UNIT,
        ),
        Cause(
            "rate_spent",
            Text(
                "The rate came down to 0 after {count} of {total} steps: in all the others gradients arrive and "
                "nothing moves. The schedule is as long as the epochs and is stepped for each batch, or ends too soon.",
                "学習率は {total} 回の step のうち {count} 回で 0 になりました。残りの step では、勾配は届きますが"
                "何も動きません。スケジュールの長さがエポック数なのにバッチごとに進めているか、長さが足りません。",
            ),
            IN_ITS_UNIT,
        ),
        Cause(
            "factor_zero",
            Text(
                "{scheduler} multiplies the rate by 0: from its first turn on nothing is trained, and no later turn "
                "brings it back.",
                "{scheduler} は学習率に 0 を掛けます。最初に適用された時点から学習は止まり、以後も戻りません。",
            ),
            (
                Text(
                    "gamma is the factor that is left: 0.1 for a tenth, 1 for no decay",
                    "gamma は残す割合: 10 分の 1 にするなら 0.1、減衰なしなら 1",
                ),
                Text(
                    "to keep the rate, make no scheduler",
                    "学習率を変えないならスケジューラを作らない",
                ),
            ),
        ),
        Cause(
            "scaler_skips",
            Text(
                "The GradScaler skipped all {steps} steps of {optimizer}, for the gradients held infinity or "
                "NaN, and its factor stayed at {scale}: it will skip the next ones as well.",
                "勾配に無限大または NaN が含まれるため、GradScaler は {optimizer} の {steps} 回の step をすべ"
                "て飛ばしました。スケールは {scale} のままで、次の step も飛ばされます。",
            ),
            (
                Text(
                    "scaler.update() without a number after each scaler.step(optimizer): it lowers the factor "
                    "after a skipped step",
                    "scaler.step(optimizer) のたびに、値を渡さずに scaler.update() を呼ぶ: 飛ばされた step の後で"
                    "スケールが下がる",
                ),
                Text(
                    "look at the loss itself: where it is NaN no factor helps",
                    "損失そのものを見る: 損失が NaN なら、スケールを変えても直らない",
                ),
            ),
        ),
        Cause(
            "too_small",
            Text(
                "{optimizer} stepped {steps} times with a rate of {rate}, and not a bit of what it holds "
                "({dtype}) changed: each update is smaller than the gap between two neighbouring numbers, or "
                "step() does nothing.",
                "{optimizer} は学習率 {rate} で {steps} 回 step しましたが、持っているもの({dtype})は 1 ビッ"
                "トも変わっていません。毎回の更新量が、表せる隣り合う数の間隔より小さいか、step() が何もしていません。",
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
                Text(
                    "in a class of your own: step() must change the parameters themselves, in place",
                    "自作のクラスなら、step() でパラメータそのものを in-place に変える",
                ),
            ),
        ),
        Cause(
            "copy_trained",
            Text(
                "{module} runs here with its own parameters, which never change: what torch.func gives gradients for "
                "at {line}, and what moves, are other tensors of the same shapes.",
                "ここで実行される {module} は自身のパラメータを使い、それは変わりません。{line} で torch.func が勾配"
                "を与え、更新されているのは、同じ形の別のテンソルです。",
            ),
            (
                Text(
                    "run it with what is trained: torch.func.functional_call(model, params, (inputs,))",
                    "学習しているもので実行する: torch.func.functional_call(model, params, (inputs,))",
                ),
                Text(
                    "or put the trained values back first: model.load_state_dict(params, strict=False)",
                    "または、先に学習した値を戻す: model.load_state_dict(params, strict=False)",
                ),
            ),
        ),
        Cause(
            "closure_alone",
            Text(
                "step() of {optimizer} evaluates this closure at several points and wants a gradient at each, and no "
                "backward() runs in it: the only gradient is that of backward() at {line}, before the step, and it "
                "stays the same wherever the step goes.",
                "{optimizer} の step() はこのクロージャを複数の点で評価し、そのたびに勾配を必要としますが、中で "
                "backward() が呼ばれません。勾配は step の前の {line} の backward() のものだけで、step がどこへ"
                "進んでも変わりません。",
            ),
            (
                Text(
                    "compute the loss inside the closure: {optimizer}.zero_grad(), the forward pass, loss.backward(), "
                    "return loss",
                    "クロージャの中で計算する: {optimizer}.zero_grad()、順伝播、loss.backward()、return loss",
                ),
                Text(
                    "without such a closure: an optimizer that takes one gradient a step, such as Adam",
                    "クロージャを書かないなら、1 step に勾配を 1 つだけ使う Adam などのオプティマイザにする",
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
        Cause(
            "without_effect",
            Text(
                "{optimizer} stepped {steps} times, and not a bit of what it holds ({dtype}) changed: each "
                "update is smaller than the gap between two neighbouring numbers, or step() does nothing.",
                "{optimizer} は {steps} 回 step しましたが、持っているもの({dtype})は 1 ビットも変わっていま"
                "せん。毎回の更新量が、表せる隣り合う数の間隔より小さいか、step() が何もしていません。",
            ),
            (
                Text(
                    "in a class of your own: step() must change the parameters themselves, in place",
                    "自作のクラスなら、step() でパラメータそのものを in-place に変える",
                ),
                Text(
                    "a larger learning rate, or an optimizer with float32 master weights",
                    "学習率を上げるか、float32 のマスター重みを持つオプティマイザを使う",
                ),
                Text(
                    "keep the weights in float32 and let autocast compute in half precision",
                    "重みは float32 のままにし、計算だけ autocast で半精度にする",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
