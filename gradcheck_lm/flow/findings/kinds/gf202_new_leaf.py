"""GF202 new_leaf: torch.tensor(...), nn.Parameter(x), .requires_grad_() on a cut value, copies."""

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
    return nn.Parameter(model(inputs)).square().mean()
"""
INSTEAD = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    return model(inputs).square().mean()
"""
_NO_PARAMETER = Text(
    "use the tensor itself, not nn.Parameter(tensor) or a copy of it",
    "nn.Parameter(tensor) やコピーではなく、元のテンソルを使う",
)

KIND = Kind(
    code="GF202",
    name="new_leaf",
    since="0.1.0",
    lesson="l04_three_illnesses",
    heading=Text("a fresh tensor made from old values", "古い値から作られた新しい葉テンソル"),
    about=about(
        Text(
            "A new tensor starts a new graph: with requires_grad=True backward() runs without an error, and the "
            "gradient stops here.",
            "新しいテンソルは新しい計算グラフの始まりです。"
            "requires_grad=True なら backward() はエラーなく動きますが、勾配はここで止まります。",
        ),
        Text(
            "torch.stack(list_of_tensors) or torch.cat instead of torch.tensor(list_of_tensors)",
            "torch.tensor(list_of_tensors) の代わりに torch.stack または torch.cat",
        ),
        Text(
            "drop .requires_grad_(True) on the loss: it silences the error and mends nothing",
            "損失への .requires_grad_(True) を外す: エラーを隠すだけで何も直らない",
        ),
        _NO_PARAMETER,
    ),
    causes=(
        Cause(
            "parameter",
            Text(
                "nn.Parameter(x) takes the values of x and drops how they were made: the gradient stops at the new "
                "parameter, whatever trains it.",
                "nn.Parameter(x) は x の値だけを受け取り、作られた履歴を捨てます。勾配は新しいパラメータで止まります。",
            ),
            (
                _NO_PARAMETER,
                Text(
                    "for a module's weights made by another network: torch.func.functional_call(module, {name: made}, "
                    "inputs)",
                    "別のネットワークが作った重みでモジュールを呼ぶ: "
                    "torch.func.functional_call(module, {名前: 作った重み}, inputs)",
                ),
                Text(
                    "keep one parameter for good and compute from it in forward; never wrap it anew in each step",
                    "パラメータは 1 つを持ち続け、forward ではそこから計算する(ステップごとに包み直さない)",
                ),
            ),
            words("Parameter"),
        ),
        Cause(
            "copied",
            Text(
                "A deep copy is a new tensor: training it does not train the original.",
                "deepcopy は新しいテンソルです。それを学習しても元のテンソルは学習されません。",
            ),
            (
                Text(
                    "give the copy's parameters to the optimizer, or compute the loss with the original",
                    "コピーのパラメータをオプティマイザに渡すか、損失を元のモデルで計算する",
                ),
            ),
            words("__deepcopy__"),
        ),
        Cause(
            "asked_for",
            Text(
                "Asking a cut value for a gradient makes it the beginning of a new graph: backward() runs without an "
                "error and stops here.",
                "切断された値に勾配を求めると、新しい計算グラフの始まりになります。"
                "backward() は動きますが、ここで止まります。",
            ),
            (
                Text(
                    "drop requires_grad_(): it silences the error and mends nothing",
                    "requires_grad_() を外す: エラーを隠すだけで何も直らない",
                ),
                Text(
                    "mend the cut that stands before it, where the value lost its history",
                    "その手前の、値が履歴を失った切断を直す",
                ),
            ),
            words("requires_grad_ requires_grad.__set__"),
        ),
    ),
    bridge=Bridge(
        how=Text(
            "the fresh tensor kept the history of the numbers it was made of (identity)",
            "新しいテンソルは元の数の履歴を保ちました(恒等写像)",
        )
    ),
    noted=True,
    example=EXAMPLE,
    instead=INSTEAD,
)
