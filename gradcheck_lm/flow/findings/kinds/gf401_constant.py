"""GF401 constant: the loss does not depend on what is trained: an early return, an empty sum, a part never called."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
lengths = torch.tensor([0.0, 0.0])
inputs = torch.ones(2, 4)


def loss():
    outputs = model(inputs)
    if not lengths.any():
        return torch.zeros(())
    return outputs.square().mean()
"""
INSTEAD = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
lengths = torch.tensor([0.0, 1.0])
inputs = torch.ones(2, 4)


def loss():
    outputs = model(inputs)
    return (outputs.square().mean(-1) * lengths).sum() / lengths.sum().clamp_min(1)
"""
_CALLED = Text(
    "check that the module is called in forward and that its result is used",
    "モジュールが forward で呼ばれ、その結果が使われているか確かめる",
)
_SAME = Text(
    "check that the loss and the optimizer talk about the same model object",
    "損失とオプティマイザが同じモデルを見ているか確かめる",
)
_BRANCH = Text(
    "return something computed from the model's output on this branch too, e.g. output.sum() * 0",
    "この分岐でもモデルの出力から計算した値を返す(例: output.sum() * 0)",
)

KIND = Kind(
    code="GF401",
    name="constant",
    since="0.1.0",
    lesson="l04_three_illnesses",
    heading=Text("does not depend on what you train", "学習対象に依存していない"),
    about=about(
        Text(
            "The loss was made without the tensors asked about: an early return, an empty sum, a part never called.",
            "この損失は対象のテンソルを使わずに作られました: 早すぎる return、空の和、呼ばれなかった部品など。",
        ),
        _BRANCH,
        _CALLED,
        _SAME,
    ),
    causes=(
        Cause(
            "used",
            Text(
                "It is used in this run, and nothing computed from it reaches the loss.",
                "この実行で使われていますが、そこから計算されたものは損失に届きません。",
            ),
            (
                Text(
                    "follow what is computed from it: a result that is overwritten, returned and not used, or left out "
                    "of the sum",
                    "そこから計算されたものを追う: 上書きされた、返されたが使われていない、和に入っていない結果",
                ),
                _BRANCH,
                _SAME,
            ),
        ),
        Cause(
            "unused",
            Text(
                "No operation of this run uses it: its module is never called, or another object is trained.",
                "この実行のどの演算も使っていません。モジュールが呼ばれていないか、別のオブジェクトを学習しています。",
            ),
            (_CALLED, _SAME, _BRANCH),
        ),
        Cause(
            "written_over",
            Text(
                "This line gives the name another value: what was computed for it before is thrown away.",
                "この行で同じ名前に別の値が代入され、それまでに計算したものは捨てられます。",
            ),
            (
                Text(
                    "leave this line out, or give its value a name of its own",
                    "この行を消すか、別の名前に代入する",
                ),
                _BRANCH,
            ),
        ),
        Cause(
            "loop_left_early",
            Text(
                "The loop over the layers is left here in its first turn, under no condition: those behind it are "
                "never called.",
                "層を順に呼ぶループが、ここで条件なしに 1 周目で終わります。その後の層は一度も呼ばれません。",
            ),
            (
                Text(
                    "move the return out of the loop: one level of indentation less",
                    "return をループの外に出す: インデントを 1 段浅くする",
                ),
                _CALLED,
            ),
        ),
        Cause(
            "nothing_used",
            Text(
                "No operation of this run uses what wrt holds: its module is never called, or another object is used.",
                "この実行のどの演算も対象(wrt)を使っていません。"
                "モジュールが呼ばれていないか、別のオブジェクトが使われています。",
            ),
            (_SAME, _CALLED, _BRANCH),
        ),
        Cause(
            "detached",
            Text(
                "What wrt holds is detached from the model's parameters, as model.state_dict(), .data and .detach() "
                "give it: the numbers are the same, the loss is computed from the parameters, and no gradient ever "
                "comes to these.",
                "対象(wrt)は model.state_dict()・.data・.detach() の結果で、パラメータから切り離されています。"
                "数値は同じですが、損失はパラメータ自身から計算され、これらに勾配が届くことはありません。",
            ),
            (
                Text(
                    "use the parameters themselves: wrt=model, and model.parameters() for the optimizer",
                    "パラメータ自身を渡す: wrt=model、オプティマイザには model.parameters()",
                ),
            ),
        ),
        Cause(
            "constant_term",
            Text(
                "{term} is added to the loss, and {loss} was given nothing that learns: it moves the loss's value and "
                "no weight.",
                "{term} は損失に加えられますが、{loss} に渡された値はどれも学習しません。損失の値は変わっても重みは"
                "変わりません。",
            ),
            (
                Text(
                    "give it the output of the model that is trained, not that of the teacher, a target or the data",
                    "教師・ターゲット・データではなく、学習するモデルの出力を渡す",
                ),
                Text(
                    "keep the graph of what should learn: no detach() and no torch.no_grad() around it",
                    "学習させたいものの計算グラフを保つ: detach() や torch.no_grad() で囲まない",
                ),
                Text(
                    "if it is there to be printed, leave it out of the sum",
                    "表示のためだけなら、和に入れない",
                ),
            ),
        ),
        Cause(
            "term_of_others",
            Text(
                "{term} is added to the loss, and nothing that the optimizers hold which step on it leads into {loss}: "
                "it gives gradients to another optimizer's weights alone.",
                "{term} は損失に加えられますが、この損失で step するオプティマイザのパラメータは {loss} につながって"
                "いません。勾配は別のオプティマイザの重みにだけ届きます。",
            ),
            (
                Text(
                    "give it the output of what should learn: the generated samples, not the real ones",
                    "学習させたいものの出力を渡す: 本物ではなく生成したサンプル",
                ),
                Text(
                    "if it is the other player's loss, add it to that one's",
                    "相手側の損失なら、相手側の損失に加える",
                ),
            ),
        ),
        Cause(
            "asked_and_unused",
            Text(
                "autograd.grad was asked about a tensor that the loss does not depend on: nothing computed "
                "from it reaches the loss, or a copy of it is used.",
                "autograd.grad に、損失が依存していないテンソルが渡されました。そこから計算されたものが損失に"
                "届かないか、コピーが使われています。",
            ),
            (
                Text(
                    "ask about the very tensor that the loss is computed from, not a copy or a view made for the "
                    "asking",
                    "コピーや新しく作ったビューではなく、損失の計算に使ったテンソルそのものを渡す",
                ),
                Text(
                    "allow_unused=True, and treat None as no gradient, where that is meant",
                    "意図どおりなら allow_unused=True とし、None を勾配なしとして扱う",
                ),
            ),
        ),
        Cause(
            "no_line",
            Text(
                "No line that the recorder saw explains it: look at custom autograd.Functions, checkpoints, "
                "compiled regions and other threads on the way, which it cannot look into.",
                "記録された行の中に原因は見つかりませんでした。途中の自作の autograd.Function、チェックポイント、コ"
                "ンパイルされた区間、別のスレッドを調べてください(その中は記録できません)。",
            ),
            (
                _BRANCH,
                _CALLED,
                _SAME,
            ),
        ),
        Cause(
            "out_of_sight",
            Text(
                "No line can be named: what runs between these tensors and the loss was out of the "
                "recorder's sight (another thread, a compiled region, or code that ran before the watching "
                "began).",
                "行を示せません。これらのテンソルと損失の間で実行されるものは記録できませんでした(別のスレッ"
                "ド、コンパイルされた区間、または記録開始前に実行されたコード)。",
            ),
            (
                _BRANCH,
                _CALLED,
                _SAME,
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "no value of what you train enters here, so there is nothing that a bridge could lead on",
            "学習対象の値はここに入ってこないため、切断をつないでも先へ届くものがありません",
        )
    ),
    example=EXAMPLE,
    instead=INSTEAD,
)
