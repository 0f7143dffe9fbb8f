"""GF710 overwritten: weights overwritten after loading, or nothing loaded."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
saved = nn.Linear(4, 3).state_dict()
model = nn.Linear(4, 3)
model.load_state_dict(saved)
nn.init.xavier_uniform_(model.weight)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
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
saved = nn.Linear(4, 3).state_dict()
model = nn.Linear(4, 3)
nn.init.xavier_uniform_(model.weight)
model.load_state_dict(saved)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def step():
    optimizer.zero_grad()
    (model(inputs) - targets).square().mean().backward()
    optimizer.step()
"""

KIND = Kind(
    code="GF710",
    name="overwritten",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "loaded weights that are lost, or never came",
        "失われた、または届かなかった読み込み済みの重み",
    ),
    about=about(
        Text(
            "Weights were loaded from a file and are not those that train: they were written over afterwards, or no "
            "name fitted.",
            "ファイルから読み込んだ重みが、学習される重みになっていません。後で上書きされたか、"
            "名前が一致しませんでした。",
        ),
        Text(
            "initialise first, load afterwards",
            "先に初期化し、その後で読み込む",
        ),
        Text(
            "load_state_dict(..., strict=True), or look at what it returns: missing_keys, unexpected_keys",
            "load_state_dict(..., strict=True) とするか、返り値の missing_keys と unexpected_keys を見る",
        ),
        Text(
            "load once, before the loop",
            "読み込みはループの前に一度だけ",
        ),
    ),
    causes=(
        Cause(
            "initialised_after_loading",
            Text(
                "{parameter} was loaded at {line}, and is initialised anew here.",
                "{parameter} は {line} で読み込まれましたが、ここで初期化し直されています。",
            ),
            (
                Text(
                    "move the initialisation before the loading",
                    "初期化を読み込みの前に移す",
                ),
                Text(
                    "initialise only what the file does not hold: result.missing_keys",
                    "ファイルにないもの(result.missing_keys)だけを初期化する",
                ),
            ),
        ),
        Cause(
            "nothing_loaded",
            Text(
                "load_state_dict here fits {count} of {total} names (strict=False says nothing): {parameter} stays "
                "as it was initialised.",
                "この load_state_dict で一致した名前は {total} 個中 {count} 個です(strict=False は何も言いません)。"
                "{parameter} は初期値のままです。",
            ),
            (
                Text(
                    "strip or add the prefix of the names (module., model., _orig_mod.)",
                    "名前の接頭辞(module.、model.、_orig_mod.)を取るか付ける",
                ),
                Text(
                    "strict=True, at least while you write it",
                    "少なくとも書いている間は strict=True にする",
                ),
            ),
        ),
        Cause(
            "loaded_each_step",
            Text(
                "load_state_dict runs at {line} in every step: what was learnt is lost each time.",
                "{line} の load_state_dict が毎ステップ実行され、学習した内容が毎回失われます。",
            ),
            (
                Text(
                    "load before the loop",
                    "ループの前に読み込む",
                ),
                Text(
                    "for a target network load into the target: target.load_state_dict(model.state_dict())",
                    "ターゲットネットワークなら、ターゲット側に読み込む: target.load_state_dict(model.state_dict())",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    decided=False,
    example=EXAMPLE,
    instead=INSTEAD,
)
