"""GF104 detach: .detach(), .data, detach_(), state_dict(), torch.autograd.grad without create_graph."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text
from gradcheck_lm.flow.operations.derivatives import words

EXAMPLE = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    features = model(inputs).detach()
    return features.square().mean()
"""
INSTEAD = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    features = model(inputs)
    return features.square().mean()
"""

KIND = Kind(
    code="GF104",
    name="detach",
    since="0.1.0",
    lesson="l04_three_illnesses",
    heading=Text("a detached value", "計算グラフから切り離された値"),
    about=about(
        Text(
            "The value goes on and its history does not: what follows treats it as a constant.",
            "値は先へ進みますが、その履歴は残りません。後段はこれを定数として扱います。",
        ),
        Text(
            "drop .detach() / .data on the way to the loss",
            "損失へ向かう途中の .detach() / .data を外す",
        ),
        Text(
            "keep the detached copy for logging, the attached one for the loss",
            "ログには切り離したコピーを、損失には元のテンソルを使う",
        ),
        Text(
            "for a stop-gradient target, detach the target alone, never the prediction",
            "勾配を止めたい目標値は目標だけを detach し、予測は detach しない",
        ),
    ),
    causes=(
        Cause(
            "autograd_grad",
            Text(
                "torch.autograd.grad without create_graph=True gives gradients that have no history themselves.",
                "create_graph=True のない torch.autograd.grad が返す勾配は、それ自身の履歴を持ちません。",
            ),
            (
                Text(
                    "torch.autograd.grad(..., create_graph=True) where the gradient enters the loss (gradient "
                    "penalties)",
                    "勾配が損失に入るとき(勾配ペナルティなど)は torch.autograd.grad(..., create_graph=True)",
                ),
            ),
            words("grad"),
        ),
        Cause(
            "data",
            Text(
                ".data gives the values without their history, and without the checks that .detach() has.",
                ".data は履歴のない値を返し、.detach() にある検査もありません。",
            ),
            (
                Text(
                    "use the tensor itself on the way to the loss",
                    "損失へ向かう途中では元のテンソルを使う",
                ),
                Text(
                    "keep .detach() for logging and for targets",
                    ".detach() はログと目標値だけに使う",
                ),
            ),
            words("data.__get__"),
        ),
        Cause(
            "written_by_data",
            Text(
                "Values are written into this tensor's memory through .data: they arrive, and the history of how they "
                "were made does not.",
                "値は .data を通してこのテンソルのメモリに書き込まれます。値は届きますが、作られた履歴は届きません。",
            ),
            (
                Text(
                    "torch.func.functional_call(module, {name: made, ...}, inputs): the module with made weights",
                    "torch.func.functional_call(module, {名前: 作った重み, ...}, inputs): 作った重みでモジュールを呼ぶ",
                ),
                Text(
                    "torch.nn.utils.parametrize to compute a weight from others in every forward",
                    "順伝播のたびに重みを計算するには torch.nn.utils.parametrize",
                ),
            ),
            words("data"),
        ),
        Cause(
            "straight_through_output",
            Text(
                "The value was detached on a straight-through line, and this term is taken of that line's result: "
                "what it should teach lies before the line.",
                "この項は STE の行の結果から計算されていますが、値はその行で detach されています。"
                "学習させたいものはその行より前にあります。",
            ),
            (
                Text(
                    "take this term of the value before the straight-through line (a codebook loss: of the chosen "
                    "codes themselves)",
                    "この項は STE の行より前の値から計算する(コードブック損失なら選ばれたコードそのもの)",
                ),
                Text(
                    "keep the straight-through result for the task's own loss alone",
                    "STE の結果は本来の課題の損失だけに使う",
                ),
            ),
        ),
        Cause(
            "straight_through_line",
            Text(
                "The value goes on detached here, as a straight-through line wants it, and the term at {line} is taken "
                "of this line's result: what it should teach lies before the line.",
                "ここで値が detach されるのは STE として正しい形ですが、{line} の項はこの行の結果から"
                "計算されています。学習させたいものはこの行より前にあります。",
            ),
            (
                Text(
                    "hand on the value before the straight-through line as well, and take the term of that (a codebook "
                    "loss: of the chosen codes themselves)",
                    "STE の行より前の値も渡し、項はそれから計算する(コードブック損失なら選ばれたコードそのもの)",
                ),
                Text(
                    "keep the straight-through result for the task's own loss alone",
                    "STE の結果は本来の課題の損失だけに使う",
                ),
            ),
        ),
        Cause(
            "players_turn",
            Text(
                "This term was made of a value detached for another player's turn: for the tensors asked about it is a "
                "constant.",
                "この項は、別のネットワークを更新するために detach された値から作られています。"
                "対象のテンソルにとっては定数です。",
            ),
            (
                Text(
                    "compute the value anew, attached, for the turn of the player that it should train",
                    "その値で学習させたいネットワークの更新では、detach せずに計算し直す",
                ),
                Text(
                    "detach it in the other player's turn alone (the discriminator's: D(fake.detach()); the "
                    "generator's: D(fake))",
                    "detach するのは他方の更新のときだけにする(識別器の更新: D(fake.detach())、生成器の更新: D(fake))",
                ),
            ),
        ),
    ),
    bridge=Bridge(how=Text("the value kept its history (identity)", "値は履歴を保ったまま渡されました(恒等写像)")),
    noted=True,
    example=EXAMPLE,
    instead=INSTEAD,
)
