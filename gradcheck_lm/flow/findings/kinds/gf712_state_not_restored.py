"""GF712 state_not_restored: a checkpoint is loaded without its optimizer's state."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import io

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
(model(inputs) - targets).square().mean().backward()
optimizer.step()
file = io.BytesIO()
torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
file.seek(0)

saved = torch.load(file)
model = nn.Linear(4, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
model.load_state_dict(saved["model"])


def step():
    optimizer.zero_grad()
    (model(inputs) - targets).square().mean().backward()
    optimizer.step()
"""
INSTEAD = """\
import io

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
(model(inputs) - targets).square().mean().backward()
optimizer.step()
file = io.BytesIO()
torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
file.seek(0)

saved = torch.load(file)
model = nn.Linear(4, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
model.load_state_dict(saved["model"])
optimizer.load_state_dict(saved["optimizer"])


def step():
    optimizer.zero_grad()
    (model(inputs) - targets).square().mean().backward()
    optimizer.step()
"""

KIND = Kind(
    code="GF712",
    name="state_not_restored",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "an optimizer's state that is lost",
        "失われるオプティマイザの状態",
    ),
    about=about(
        Text(
            "The file that was loaded holds an optimizer's state, and the optimizer that steps begins with none: "
            "momentum and step counts are lost.",
            "読み込んだファイルにはオプティマイザの状態がありますが、step するオプティマイザは空から始まっています。"
            "モメンタムとステップ数が失われます。",
        ),
        Text(
            'optimizer.load_state_dict(checkpoint["optimizer"]) after the model\'s',
            'モデルの後に optimizer.load_state_dict(checkpoint["optimizer"]) を呼ぶ',
        ),
        Text(
            "restore the scheduler, the scaler and the step count as well",
            "スケジューラ、scaler、ステップ数も復元する",
        ),
        Text(
            "if it is a new training from old weights, there is no fault here",
            "古い重みから新しい学習を始めるだけなら誤りではない",
        ),
    ),
    causes=(
        Cause(
            "optimizer_each_step",
            Text(
                "Each of {count} steps is taken by an {optimizer} of its own, made on this line: its averages begin "
                "anew every time, and its step is that of a first one.",
                "{count} 回の step は、毎回この行で新しく作られる {optimizer} によって行われています。移動平均は毎回"
                "最初からになり、いつも 1 回目の step と同じです。",
            ),
            (
                Text(
                    "make the optimizer once, before the loop",
                    "オプティマイザはループの前で 1 度だけ作る",
                ),
            ),
        ),
        Cause(
            "made_after_loading",
            Text(
                "An optimizer's state was loaded at {line}, and that optimizer never steps: this line makes another "
                "{optimizer} for the same tensors, which begins with no state.",
                "{line} でオプティマイザの状態が読み込まれましたが、そのオプティマイザは step しません。この行で同じ"
                "テンソルのために別の {optimizer} が作られ、空の状態から始まります。",
            ),
            (
                Text(
                    "make the optimizer once, before its state is loaded; leave this line out",
                    "オプティマイザは状態を読み込む前に 1 度だけ作る: この行を消す",
                ),
                Text(
                    "or load the state again after this line",
                    "または、この行の後で状態を読み込む",
                ),
            ),
        ),
        Cause(
            "schedule",
            Text(
                "The file holds the state of a scheduler that had taken {count} turns; the optimizer's state is loaded "
                "here, and {scheduler} begins at 0: the rate jumps back to where the schedule starts.",
                "ファイルには {count} 回進んだスケジューラの状態があります。ここでオプティマイザの状態は読み込まれます"
                "が、{scheduler} は 0 から始まり、学習率はスケジュールの最初に戻ります。",
            ),
            (
                Text(
                    'load it as well: scheduler.load_state_dict(checkpoint["scheduler"])',
                    'スケジューラも読み込む: scheduler.load_state_dict(checkpoint["scheduler"])',
                ),
                Text(
                    "or give the scheduler its place when it is made: last_epoch=checkpoint[...]",
                    "または、作るときに位置を渡す: last_epoch=checkpoint[...]",
                ),
            ),
        ),
        Cause(
            "rate_taken_back",
            Text(
                "The optimizer's state was loaded with a rate of {loaded}; this {scheduler}, made after it, sets the "
                "rate to where its schedule begins, and the step at {line} is taken with {reset}.",
                "読み込んだオプティマイザの状態では学習率は {loaded} でした。その後で作られたこの {scheduler} が学習率"
                "をスケジュールの最初に戻し、{line} の step は {reset} で行われます。",
            ),
            (
                Text(
                    "make the scheduler first, then load the optimizer's state and the scheduler's",
                    "先にスケジューラを作り、その後でオプティマイザとスケジューラの状態を読み込む",
                ),
                Text(
                    "or give the scheduler its place: last_epoch=checkpoint[...]",
                    "またはスケジューラに位置を渡す: last_epoch=checkpoint[...]",
                ),
            ),
        ),
        Cause(
            "optimizer",
            Text(
                "The file read at {line} has an optimizer's state in it; the weights are loaded here, and "
                "{optimizer} takes its first step with an empty state: its averages begin anew.",
                "{line} で読んだファイルにはオプティマイザの状態があります。ここで重みは読み込まれますが、"
                "{optimizer} は空の状態で最初の step をします。移動平均は最初からになります。",
            ),
            (
                Text(
                    'optimizer.load_state_dict(checkpoint["optimizer"]) after the model\'s',
                    'モデルの後に optimizer.load_state_dict(checkpoint["optimizer"]) を呼ぶ',
                ),
                Text(
                    "make the optimizer before loading its state, and not again after it",
                    "状態を読み込む前にオプティマイザを作り、その後で作り直さない",
                ),
                Text(
                    "restore the scheduler, the scaler and the step count as well",
                    "スケジューラ、scaler、ステップ数も復元する",
                ),
                Text(
                    "if it is a new training from old weights, there is no fault here",
                    "古い重みから新しい学習を始めるだけなら誤りではない",
                ),
            ),
        ),
    ),
    severity="warning",
    asked_by="run",
    example=EXAMPLE,
    instead=INSTEAD,
)
