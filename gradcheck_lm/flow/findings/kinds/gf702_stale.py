"""GF702 stale: an optimizer holds tensors that no module uses any more."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model = nn.Linear(4, 3)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def step():
    optimizer.zero_grad()
    (model(inputs) - targets).square().mean().backward()
    optimizer.step()
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

KIND = Kind(
    code="GF702",
    name="stale",
    since="0.2.0",
    lesson="l14_who_steps_what",
    heading=Text(
        "an optimizer holds what nobody uses",
        "オプティマイザが誰も使わないものを持っている",
    ),
    about=about(
        Text(
            "The optimizer holds tensors that no module which runs has any more: it steps, and nothing that is used "
            "moves.",
            "オプティマイザが持つテンソルは、実行されるどのモジュールにももうありません。step しても、"
            "使われるものは動きません。",
        ),
        Text(
            "make the optimizer from the model as it is used: after replacing, pruning, casting, copying, wrapping",
            "オプティマイザは、交換・枝刈り・型変換・コピー・ラップの後の、実際に使うモデルから作る",
        ),
        Text(
            "to change a layer's values and keep the optimizer, write into it under no_grad: old.copy_(new)",
            "オプティマイザを残したまま層の値を変えるには、no_grad の中で書き込む: old.copy_(new)",
        ),
        Text(
            "load a checkpoint with load_state_dict, which writes into the tensors that are there",
            "チェックポイントは、今あるテンソルに書き込む load_state_dict で読み込む",
        ),
    ),
    causes=(
        Cause(
            "replaced",
            Text(
                "{optimizer}, made at {made}, holds tensors ({count}) that this line took out of the model. "
                "What stands there now ({parameters}) gets a gradient, and no optimizer holds it.",
                "{made} で作られた {optimizer} は、この行でモデルから外されたテンソル({count} 個)を持っていま"
                "す。代わりに入ったもの({parameters})には勾配が届きますが、どのオプティマイザも持っていません"
                "。",
            ),
            (
                Text(
                    "make the optimizer after this line",
                    "この行の後でオプティマイザを作る",
                ),
                Text(
                    "or write into the old tensor under no_grad: old.copy_(new)",
                    "または no_grad の中で古いテンソルに書き込む: old.copy_(new)",
                ),
                Text(
                    "load a checkpoint with load_state_dict, which writes into the tensors that are there",
                    "チェックポイントは、今あるテンソルに書き込む load_state_dict で読み込む",
                ),
                Text(
                    'or tell it: optimizer.add_param_group({"params": new.parameters()})',
                    'またはオプティマイザに追加する: optimizer.add_param_group({"params": new.parameters()})',
                ),
            ),
        ),
        Cause(
            "copied",
            Text(
                "{optimizer} holds tensors ({count}) that no module uses which runs here; the loss reaches "
                "others of the same shapes ({parameters}), which no optimizer holds: the model was copied, "
                "or made anew, after its parameters were given.",
                "{optimizer} が持つテンソル({count} 個)は、ここで実行されるどのモジュールにも使われていません"
                "。損失が届くのは同じ形の別のテンソル({parameters})で、どのオプティマイザも持っていません。パ"
                "ラメータを渡した後で、モデルがコピーされたか作り直されています。",
            ),
            (
                Text(
                    "make the optimizer from the copy that runs, or run the one it was made from",
                    "実行するコピーからオプティマイザを作るか、作った元のモデルを実行する",
                ),
                Text(
                    "make it after preparing, wrapping, moving and casting, or hand both over together: "
                    "accelerator.prepare(model, optimizer)",
                    "prepare、ラップ、移動、型変換の後で作るか、両方を一緒に渡す: accelerator.prepare(model, "
                    "optimizer)",
                ),
            ),
        ),
        Cause(
            "unused",
            Text(
                "{parameter} in {optimizer} belongs to no module that ran.",
                "{optimizer} の {parameter} は、実行されたどのモジュールにも属していません。",
            ),
            (
                Text(
                    "leave it out of the optimizer, or call the module that it belongs to",
                    "オプティマイザから外すか、それが属するモジュールを呼ぶ",
                ),
            ),
        ),
        Cause(
            "outdated",
            Text(
                "This line computes with {parameters} once, and the losses of later steps use what it gave. "
                "{optimizer} moves {parameters} at {line}, and no loss sees the new values.",
                "この行は {parameters} を使った計算を一度だけ行い、後のステップの損失はその結果を使い続けます。"
                "{optimizer} は {line} で {parameters} を動かしますが、新しい値はどの損失にも現れません。",
            ),
            (
                Text(
                    "compute it anew in every step, inside the loop",
                    "ステップごとに、ループの中で計算し直す",
                ),
                Text(
                    "a tensor that is only moved or cast: do that first, and give the optimizer the result as a leaf: "
                    "w = w.detach().to(device).requires_grad_()",
                    "移動や型変換だけなら先に行い、その結果を葉のテンソルとしてオプティマイザに渡す: "
                    "w = w.detach().to(device).requires_grad_()",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
