"""GF706 changed_too_late: clipping or scaling after the step, of an empty or used-up iterator, or before unscale_."""

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
    optimizer.step()
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)
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
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    optimizer.step()
"""

KIND = Kind(
    code="GF706",
    name="changed_too_late",
    since="0.2.0",
    lesson="l20_mixed_precision",
    heading=Text(
        "gradients changed where it has no effect",
        "効果のない場所で変更された勾配",
    ),
    about=about(
        Text(
            "Gradients are clipped or scaled here in a place where the step no longer sees it, or sees another thing.",
            "ここで勾配をクリッピングまたは拡大縮小していますが、step() はその結果を使いません。",
        ),
        Text(
            "the order: backward(), scaler.unscale_(optimizer), clip_grad_norm_(model.parameters(), ...), step()",
            "順序: backward()、scaler.unscale_(optimizer)、clip_grad_norm_(model.parameters(), ...)、step()",
        ),
        Text(
            "give clipping the parameters themselves: a generator can be used once",
            "パラメータそのものを渡す: ジェネレータは一度しか使えない",
        ),
    ),
    causes=(
        Cause(
            "clip_after_step",
            Text(
                "step() at {line} has already used these gradients, and no backward() came since: clipping "
                "them now changes nothing.",
                "これらの勾配は {line} の step() ですでに使われ、その後 backward() はありません。ここでクリッ"
                "ピングしても何も変わりません。",
            ),
            (
                Text(
                    "clip between backward() and step()",
                    "backward() と step() の間でクリッピングする",
                ),
                Text(
                    "if only the norm is wanted, it is best read there too",
                    "ノルムを知りたいだけでも、そこで読むのがよい",
                ),
            ),
        ),
        Cause(
            "clip_of_nothing",
            Text(
                "It is given no tensor at all: an empty list, or an iterator that was used up before, such "
                "as model.parameters() kept in a variable and read by the optimizer.",
                "渡されたテンソルが 1 つもありません。空のリストか、使い終わったイテレータです(変数に入れた"
                " model.parameters() をオプティマイザが先に読んだ場合など)。",
            ),
            (
                Text(
                    "call model.parameters() anew here, or keep list(model.parameters())",
                    "ここで model.parameters() を呼び直すか、list(model.parameters()) を保持する",
                ),
                Text(
                    "check the condition of a filter over the parameters",
                    "パラメータに対するフィルタの条件を確かめる",
                ),
            ),
        ),
        Cause(
            "before_backward",
            Text(
                "No tensor that it is given has a gradient yet: backward() at {line} comes after it, and "
                "step() uses that gradient as it is.",
                "渡されたテンソルにはまだ勾配がありません。{line} の backward() はこの後で、step() はその勾配"
                "をそのまま使います。",
            ),
            (
                Text(
                    "clip between backward() and step()",
                    "backward() と step() の間でクリッピングする",
                ),
            ),
        ),
        Cause(
            "before_unscale",
            Text(
                "These gradients are still multiplied by the GradScaler's factor, which is divided out only "
                "at {line}: the limit is met at a gradient that is too small by that factor.",
                "これらの勾配にはまだ GradScaler のスケールが掛かっています。元に戻されるのは {line} なので、クリ"
                "ッピングの上限が、実質的にスケールの分だけ小さくなります。",
            ),
            (
                Text(
                    "scaler.unscale_(optimizer) before clipping",
                    "クリッピングの前に scaler.unscale_(optimizer) を呼ぶ",
                ),
            ),
        ),
        Cause(
            "of_other_tensors",
            Text(
                "{function} changes gradients of tensors that {optimizer} does not hold.",
                "{function} が変更しているのは、{optimizer} が持っていないテンソルの勾配です。",
            ),
            (
                Text(
                    "give it the parameters that this optimizer steps",
                    "このオプティマイザが step するパラメータを渡す",
                ),
            ),
        ),
        Cause(
            "by_hand_after_step",
            Text(
                "These gradients are changed after step() has used them, and cleared before the next one.",
                "これらの勾配は step() に使われた後で変更され、次の step() の前に消されます。",
            ),
            (
                Text(
                    "change them between backward() and step()",
                    "変更は backward() と step() の間で行う",
                ),
                Text(
                    "the order: backward(), scaler.unscale_(optimizer), clip_grad_norm_(model.parameters(), "
                    "...), step()",
                    "順序: backward()、scaler.unscale_(optimizer)、clip_grad_norm_(model.parameters(), ...)、step()",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
