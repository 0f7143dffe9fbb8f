"""GF105 grad_disabled: no_grad, inference_mode, set_grad_enabled(False): a block, a decorator, a library's call."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
critic = nn.Linear(3, 1).requires_grad_(False)
inputs = torch.ones(2, 4)


def loss():
    with torch.no_grad():
        score = critic(model(inputs))
    return score.mean()
"""
INSTEAD = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
critic = nn.Linear(3, 1).requires_grad_(False)
inputs = torch.ones(2, 4)


def loss():
    return critic(model(inputs)).mean()
"""
_NOTHING = Text(
    "Nothing inside this scope is recorded, so no gradient passes through, not even to its inputs.",
    "この区間の中では何も記録されないため、入力へ向かう勾配も通りません。",
)
_LEAVE = Text(
    "leave the block that switched it off before you compute the loss, or compute it inside torch.enable_grad()",
    "損失を計算する前に無効にしたブロックを出るか、torch.enable_grad() の中で計算する",
)
_CURES = (
    Text(
        "to keep a model's weights fixed and let gradient through: model.requires_grad_(False), without no_grad",
        "重みを固定したまま勾配を通すには、no_grad ではなく model.requires_grad_(False)",
    ),
    Text("move the operation out of the scope", "その演算を区間の外に出す"),
    Text(
        "where a library call switches it off (generate), call the model's forward itself",
        "ライブラリ関数(generate など)が無効にしている場合は、モデルの forward を直接呼ぶ",
    ),
)

KIND = Kind(
    code="GF105",
    name="grad_disabled",
    since="0.1.0",
    lesson="l05_frozen_is_not_cut",
    heading=Text("gradient switched off", "勾配計算が無効の区間"),
    about=about(_NOTHING, *_CURES),
    causes=(
        Cause(
            "off_already",
            Text(
                f"{_NOTHING.en} It was off already when the run began.",
                f"{_NOTHING.ja}実行の開始時点ですでに無効でした。",
            ),
            (_LEAVE, *_CURES),
        ),
        Cause(
            "by_call",
            Text(
                "It was switched off by a call, not by a block: from there on nothing is recorded until another call "
                "switches it on, so no gradient passes through, not even to the inputs.",
                "ブロックではなく呼び出しで無効にされています。別の呼び出しで有効に戻すまで何も記録されないため、"
                "入力へ向かう勾配も通りません。",
            ),
            (
                Text(
                    "a block, which puts back what was before: with torch.no_grad(): ..., or with torch.enable_grad(): "
                    "... around what needs a gradient of its own",
                    "終わると元に戻るブロックにする: with torch.no_grad(): ...、"
                    "自前の勾配が要るところは with torch.enable_grad(): ...",
                ),
                Text(
                    "or put it back by hand: before = torch.is_grad_enabled(), and at the end "
                    "torch.set_grad_enabled(before)",
                    "または自分で戻す: before = torch.is_grad_enabled()、最後に torch.set_grad_enabled(before)",
                ),
                *_CURES[:1],
            ),
        ),
        Cause(
            "handed_in",
            Text(
                "{function}() is handed in by the caller and called with gradient switched off: nothing of what it "
                "computes is recorded, so no gradient passes through.",
                "呼び出し元から渡された {function}() が、勾配を無効にしたまま呼ばれています。その計算は何も記録されず、"
                "勾配は通りません。",
            ),
            (
                Text(
                    "with torch.enable_grad(): around this call, as the step() of torch's own optimizers does for its "
                    "closure",
                    "この呼び出しを with torch.enable_grad(): で囲む(torch のオプティマイザの step() も closure を"
                    "そのように呼びます)",
                ),
                *_CURES[1:2],
            ),
        ),
        Cause(
            "reentrant_checkpoint",
            Text(
                "Reentrant checkpointing runs this stretch with gradient off and ties its result to its inputs alone: "
                "none of them asks for a gradient, so the weights inside get none.",
                "再入型のチェックポイントはこの区間を勾配なしで実行し、結果を入力だけに結び付けます。"
                "どの入力も勾配を求めていないため、中の重みは勾配を受け取りません。",
            ),
            (
                Text(
                    "torch.utils.checkpoint.checkpoint(..., use_reentrant=False)",
                    "torch.utils.checkpoint.checkpoint(..., use_reentrant=False) を使う",
                ),
                Text(
                    "let the input ask for one: input.requires_grad_(True), or model.enable_input_require_grads() in "
                    "transformers",
                    "入力に勾配を求める: input.requires_grad_(True)、transformers では "
                    "model.enable_input_require_grads()",
                ),
            ),
        ),
        Cause(
            "inference",
            Text(
                "It was made under inference_mode, and {line} needs it for a backward pass, which is not allowed.",
                "inference_mode の中で作られた値を {line} が逆伝播のために必要としていますが、これは許されません。",
            ),
            (
                Text(
                    "torch.no_grad() instead of torch.inference_mode() where its results are used in training",
                    "結果を学習に使うところでは torch.inference_mode() の代わりに torch.no_grad()",
                ),
                Text(
                    "a copy of it: x.clone()",
                    "コピーを使う: x.clone()",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        how=Text(
            "the operations in that scope ran with gradient on (identity)",
            "その区間の演算は勾配を有効にして実行されました(恒等写像)",
        )
    ),
    noted=True,
    example=EXAMPLE,
    instead=INSTEAD,
)
