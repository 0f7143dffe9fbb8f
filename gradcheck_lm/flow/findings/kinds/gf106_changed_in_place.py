"""GF106 changed_in_place: a value that backward() needs was overwritten: the writing line and the reading line."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    hidden = model(inputs).sigmoid()
    hidden += 1
    return hidden.sum()
"""
INSTEAD = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    hidden = model(inputs).sigmoid()
    hidden = hidden + 1
    return hidden.sum()
"""

KIND = Kind(
    code="GF106",
    name="changed_in_place",
    since="0.2.0",
    lesson="l04_three_illnesses",
    heading=Text(
        "a value that backward() needs was overwritten",
        "backward() に必要な値が上書きされた",
    ),
    about=about(
        Text(
            "An operation keeps a value for its backward pass, and it was changed in place before backward() ran: "
            "autograd refuses to use it.",
            "演算が逆伝播のために保存した値が、backward() の前に in-place で変更されました。autograd "
            "はこの値の使用を拒みます。",
        ),
        Text(
            "write out of place: out = out + x for out += x, relu(x) for relu_(x), inplace=False",
            "in-place をやめる: out += x は out = out + x に、relu_(x) は relu(x) に、inplace=False",
        ),
        Text(
            "change a copy: x = x.clone() before the line that writes",
            "書き込む行の前で x = x.clone() とし、コピーを変更する",
        ),
        Text(
            "move the change behind backward()",
            "変更を backward() の後に移す",
        ),
    ),
    causes=(
        Cause(
            "kept",
            Text(
                "{reader} at {line} keeps this value for its backward pass, and here it is overwritten.",
                "{line} の {reader} がこの値を逆伝播のために保存していますが、ここで上書きされています。",
            ),
            (
                Text(
                    "write out of place here: out = out + x for out += x, x = relu(x) for relu_(x), inplace=False",
                    "ここでは in-place をやめる: out += x は out = out + x に、relu_(x) は x = relu(x) に、"
                    "inplace=False",
                ),
                Text(
                    "give {reader} a copy of its own: .clone() at {line}",
                    "{line} で {reader} に .clone() したコピーを渡す",
                ),
            ),
        ),
        Cause(
            "slice_written",
            Text(
                "A part of a tensor is written here, and {reader} at {line} keeps the whole of it for its backward "
                "pass.",
                "ここでテンソルの一部に書き込んでいますが、{line} の {reader} "
                "がその全体を逆伝播のために保存しています。",
            ),
            (
                Text(
                    "collect the parts in a list and join them at the end: torch.stack, torch.cat",
                    "部分をリストに集め、最後に torch.stack や torch.cat でつなぐ",
                ),
                Text(
                    "torch.where(mask, new, old) or old.index_copy(...) instead of writing into old",
                    "old に書き込む代わりに torch.where(mask, new, old) や old.index_copy(...) を使う",
                ),
                Text(
                    "write into a clone: old = old.clone() first",
                    "先に old = old.clone() とし、コピーに書き込む",
                ),
            ),
        ),
        Cause(
            "weights_stepped",
            Text(
                "{reader} at {line} keeps this weight for the backward pass, and here the optimizer ({optimizer}) "
                "writes the next value into it, before that backward() has run.",
                "{line} の {reader} がこの重みを逆伝播のために保存していますが、その backward() の前に、"
                "ここで {optimizer} が次の値を書き込んでいます。",
            ),
            (
                Text(
                    "call backward() of every loss of this forward pass first, then the optimizers' step()",
                    "この順伝播のすべての損失の backward() を先に呼び、その後で各オプティマイザの step()",
                ),
                Text(
                    "or run the forward pass again after the step, for the loss that comes later",
                    "または step の後で、後の損失のために順伝播をやり直す",
                ),
                Text(
                    "detach what the other loss should not train: D(fake.detach()) in the discriminator's turn",
                    "他方の損失が学習させないものは detach する: 識別器の番では D(fake.detach())",
                ),
            ),
        ),
        Cause(
            "writer_unseen",
            Text(
                "{reader} keeps a value for the backward pass that was overwritten before it; the line that writes was "
                "not seen: another thread, or a write through memory that is shared.",
                "{reader} が逆伝播のために保存した値が上書きされています。書き込んだ行は記録されていません"
                "(別のスレッド、または共有メモリへの書き込み)。",
            ),
            (
                Text(
                    "give {reader} a copy of its own: .clone()",
                    "{reader} に .clone() したコピーを渡す",
                ),
            ),
        ),
        Cause(
            "leaf",
            Text(
                "A leaf that asks for a gradient is changed in place here while gradient is on: autograd could not "
                "say what it was.",
                "勾配を求める葉テンソルが、勾配が有効なままここで in-place に変更されています。autograd "
                "は元の値を知ることができません。",
            ),
            (
                Text(
                    "an initialisation or a hand-made step belongs under torch.no_grad()",
                    "初期化や手書きの更新は torch.no_grad() の中で行う",
                ),
                Text(
                    "to compute with it, make a new tensor: x = x + 1 for x += 1",
                    "計算に使うなら新しいテンソルを作る: x += 1 ではなく x = x + 1",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "the value that the backward pass needs is gone: no gradient can be computed without it",
            "逆伝播に必要な値はもうありません。それなしに勾配は計算できません",
        )
    ),
    example=EXAMPLE,
    instead=INSTEAD,
)
