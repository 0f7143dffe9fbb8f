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
    lesson="l16_changed_in_place",
    heading=Text(
        "a value that backward() needs was overwritten",
        "backward() に必要な値が上書きされた",
    ),
    about=about(
        Text(
            "An operation keeps a value for its backward pass, and it was changed in place before backward() ran: "
            "autograd refuses to use it.",
            "演算が逆伝播のために保存した値が、backward() の前に in-place で変更されました。autograd "
            "はこの値を使わず、エラーにします。",
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
                "{reader} at {line} keeps this weight for the backward pass, and here the optimizer writes "
                "the next value into it, before that backward() has run.",
                "{line} の {reader} がこの重みを逆伝播のために保存していますが、その backward() の前に、ここ"
                "でオプティマイザが次の値を書き込んでいます。",
            ),
            (
                Text(
                    "call backward() on every loss of a step before the first optimizer steps",
                    "最初のオプティマイザが step する前に、そのステップのすべての損失の backward() を呼ぶ",
                ),
                Text(
                    "compute the second loss anew after the step, from a forward pass of its own",
                    "2 つ目の損失は、step の後で順伝播からやり直して計算する",
                ),
                Text(
                    "detach what the other loss should not train: D(fake.detach()) in the discriminator's turn",
                    "他方の損失で学習させないものは detach する: 識別器の更新では D(fake.detach())",
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
                "A tensor that learns is written in place while autograd watches: its gradient would be that "
                "of the old value.",
                "学習するテンソルが、勾配計算が有効なまま in-place で書き換えられています。その勾配は古い値の"
                "ものになってしまいます。",
            ),
            (
                Text(
                    "with torch.no_grad(): around an update or an initialisation",
                    "更新や初期化は with torch.no_grad(): で囲む",
                ),
                Text(
                    "compute a new tensor instead: y = x + 1 rather than x += 1",
                    "代わりに新しいテンソルを計算する: x += 1 ではなく y = x + 1",
                ),
            ),
        ),
        Cause(
            "graph_kept",
            Text(
                "What is read here was computed before {step} at {line}, with its history: that step has overwritten "
                "weights which the history still needs.",
                "ここで読む値は {line} の {step} より前に履歴付きで計算されたもので、その履歴がまだ必要とする重みを"
                "この step が書き換えました。",
            ),
            (
                Text(
                    "cut a state where a step begins: state = state.detach() (truncated backpropagation through time)",
                    "状態はステップの始めで切る: state = state.detach() (打ち切り型 BPTT)",
                ),
                Text(
                    "compute it anew after the step, inside the loop",
                    "step の後、ループの中で計算し直す",
                ),
                Text(
                    "retain_graph=True keeps the graph, and not the weights that it needs",
                    "retain_graph=True は計算グラフを残すだけで、それが必要とする重みは残さない",
                ),
            ),
        ),
        Cause(
            "weights_stepped_unread",
            Text(
                "An operation of this backward pass keeps this weight, and here the optimizer writes the "
                "next value into it, before that backward() has run.",
                "この逆伝播のある演算がこの重みを保存していますが、その backward() の前に、ここでオプティマイ"
                "ザが次の値を書き込んでいます。",
            ),
            (
                Text(
                    "call backward() on every loss of a step before the first optimizer steps",
                    "最初のオプティマイザが step する前に、そのステップのすべての損失の backward() を呼ぶ",
                ),
                Text(
                    "compute the second loss anew after the step, from a forward pass of its own",
                    "2 つ目の損失は、step の後で順伝播からやり直して計算する",
                ),
                Text(
                    "detach what the other loss should not train: D(fake.detach()) in the discriminator's turn",
                    "他方の損失で学習させないものは detach する: 識別器の更新では D(fake.detach())",
                ),
            ),
        ),
        Cause(
            "written_unseen",
            Text(
                "{reader} keeps a value for the backward pass that was overwritten before it; the line that "
                "writes was not seen: another thread, or a write through memory that is shared.",
                "{reader} が逆伝播のために保存した値が、その前に上書きされました。書き込んだ行は記録されてい"
                "ません(別のスレッドか、共有メモリを通した書き込み)。",
            ),
            (
                Text(
                    "write out of place: out = out + x for out += x, relu(x) for relu_(x), inplace=False",
                    "in-place をやめる: out += x は out = out + x に、relu_(x) は relu(x) に、inplace=False",
                ),
                Text(
                    "give it a copy of its own: x.clone()",
                    "x.clone() でコピーを渡す",
                ),
            ),
        ),
        Cause(
            "both_unseen",
            Text(
                "An operation before this step keeps a value for the backward pass that was overwritten "
                "before it; the line that writes was not seen: another thread, or a write through memory "
                "that is shared.",
                "このステップより前の演算が逆伝播のために保存した値が、その前に上書きされました。書き込んだ行"
                "は記録されていません(別のスレッドか、共有メモリを通した書き込み)。",
            ),
            (
                Text(
                    "write out of place: out = out + x for out += x, relu(x) for relu_(x), inplace=False",
                    "in-place をやめる: out += x は out = out + x に、relu_(x) は relu(x) に、inplace=False",
                ),
                Text(
                    "give it a copy of its own: x.clone()",
                    "x.clone() でコピーを渡す",
                ),
            ),
        ),
        Cause(
            "view",
            Text(
                "A view is written in place, and autograd cannot follow the change into the tensor that it "
                "is a view of.",
                "ビューが in-place で書き換えられていますが、autograd はその変更を元のテンソルまで追えません。",
            ),
            (
                Text(
                    "clone the view before writing into it",
                    "書き込む前にビューを clone する",
                ),
                Text(
                    "write out of place and put the parts together: torch.cat, torch.stack",
                    "in-place をやめ、部分を torch.cat や torch.stack でつなぐ",
                ),
            ),
        ),
        Cause(
            "recomputed",
            Text(
                "A checkpoint computes this stretch a second time for the backward pass, and the second time "
                "came out different: what it reads was changed in between, or it does not do the same thing "
                "twice.",
                "チェックポイントはこの区間を逆伝播のためにもう一度計算しますが、2 度目の結果が異なりました。"
                "読む値が途中で変えられたか、同じ計算を繰り返していません。",
            ),
            (
                Text(
                    "let the checkpointed function depend on its arguments alone: no counters, no lists that "
                    "grow, no state written",
                    "チェックポイントする関数は引数だけに依存させる: カウンタ、伸びるリスト、書き込む状態を使わない",
                ),
                Text(
                    "keep random numbers and autocast inside it: preserve_rng_state=True (the default)",
                    "乱数と autocast はその中に置く: preserve_rng_state=True(既定)",
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
