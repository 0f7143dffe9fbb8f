"""GF108 grad_is_none: a .grad that is read where there is none: before backward(), after zero_grad(), of no leaf."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.ones(2, 4)


def step():
    loss = model(inputs).square().mean()
    optimizer.zero_grad()
    for weight in model.parameters():
        weight.grad.mul_(0.5)
    loss.backward()
    optimizer.step()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.ones(2, 4)


def step():
    loss = model(inputs).square().mean()
    optimizer.zero_grad()
    loss.backward()
    for weight in model.parameters():
        weight.grad.mul_(0.5)
    optimizer.step()
"""
_ORDER = Text(
    "one order for every step: zero_grad(), backward(), what reads or changes .grad, step()",
    "毎ステップ同じ順序にする: zero_grad()、backward()、.grad の読み書き、step()",
)
_SKIP = Text(
    "where some have none on purpose: if p.grad is not None: ...",
    "勾配のないものが意図どおりにあるなら: if p.grad is not None: ...",
)

KIND = Kind(
    code="GF108",
    name="grad_is_none",
    since="0.2.0",
    lesson="l15_gradients_add_up",
    heading=Text(
        "a .grad that is None",
        "None になっている .grad",
    ),
    about=about(
        Text(
            "The tensor's .grad is None here: no backward() has put a gradient there.",
            "テンソルの .grad はここでは None です。backward() が勾配を入れていません。",
        ),
        _ORDER,
        _SKIP,
    ),
    causes=(
        Cause(
            "before_backward",
            Text(
                "{name}.grad is None until a backward() puts a gradient there, and none has run so far.",
                "{name}.grad は backward() が勾配を入れるまで None です。backward() はまだ 1 度も実行されていません。",
            ),
            (
                Text(
                    "loss.backward() first, and after it what reads or changes .grad",
                    "先に loss.backward() を呼び、.grad の読み書きはその後にする",
                ),
                _ORDER,
            ),
        ),
        Cause(
            "cleared",
            Text(
                "{line} has set {name}.grad to None, and no backward() has put a gradient there since.",
                "{line} が {name}.grad を None にし、その後 backward() は勾配を入れていません。",
            ),
            (
                _ORDER,
                Text(
                    "zero_grad(set_to_none=False), if zeros are wanted in the place of None",
                    "None の代わりに 0 を入れたいなら zero_grad(set_to_none=False)",
                ),
            ),
        ),
        Cause(
            "not_reached",
            Text(
                "{name}.grad is None: backward() at {line} has run, and its loss does not depend on this tensor.",
                "{name}.grad は None です。{line} の backward() は実行されましたが、その損失はこのテンソルに依存して"
                "いません。",
            ),
            (
                Text(
                    "use it in what the loss is computed from",
                    "損失の計算にこのテンソルを使う",
                ),
                _SKIP,
            ),
        ),
        Cause(
            "computed",
            Text(
                "{name}, whose .grad is read at {line}, is what is computed here and no leaf: backward() fills .grad "
                "of leaves alone, and the leaf that had that name is no longer called so.",
                "{line} で .grad が読まれる {name} は、ここで計算された値で、リーフではありません。backward() が .grad "
                "を埋めるのはリーフだけで、その名前はもうリーフを指していません。",
            ),
            (
                Text(
                    "change the leaf in place: with torch.no_grad(): w -= rate * w.grad",
                    "リーフをその場で変更する: with torch.no_grad(): w -= rate * w.grad",
                ),
                Text(
                    "to look at the gradient of a value on the way: value.retain_grad(), before backward()",
                    "途中の値の勾配を見るなら、backward() の前に value.retain_grad()",
                ),
            ),
        ),
        Cause(
            "asks_for_none",
            Text(
                "{name}.requires_grad is False: backward() gives it no gradient.",
                "{name}.requires_grad が False なので、backward() はこのテンソルに勾配を与えません。",
            ),
            (
                Text(
                    "{name}.requires_grad_(True), before the forward pass",
                    "順伝播の前に {name}.requires_grad_(True)",
                ),
                _SKIP,
            ),
        ),
    ),
    asked_by="run",
    example=EXAMPLE,
    instead=INSTEAD,
)
