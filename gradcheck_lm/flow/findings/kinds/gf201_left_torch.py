"""GF201 left_torch: .item(), .tolist(), .numpy(), float(), math.*, NumPy, strings, pickle."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text
from gradcheck_lm.flow.operations.derivatives import words

EXAMPLE = """\
import math

import torch
from torch import nn

model = nn.Linear(4, 1)
inputs = torch.ones(1, 4)
factor = torch.ones(())


def loss():
    return factor * math.exp(model(inputs).item())
"""
INSTEAD = """\
import torch
from torch import nn

model = nn.Linear(4, 1)
inputs = torch.ones(1, 4)
factor = torch.ones(())


def loss():
    return factor * torch.exp(model(inputs)).sum()
"""

KIND = Kind(
    code="GF201",
    name="left_torch",
    since="0.1.0",
    lesson="l01_broken_loss",
    heading=Text("the value left torch", "値が torch の外へ出た"),
    about=about(
        Text(
            "A Python number, list, string or NumPy array knows nothing of autograd: whatever is computed from it is a "
            "constant to the loss.",
            "Python の数値・リスト・文字列や NumPy 配列は autograd を知りません。"
            "そこから計算したものは損失にとって定数です。",
        ),
        Text(
            "stay in tensors: torch.exp for math.exp, torch functions for NumPy's, torch.stack for lists",
            "テンソルのまま計算する: math.exp は torch.exp に、NumPy は torch の関数に、リストは torch.stack に",
        ),
        Text(
            "use the .item() only for printing and the tensor for the loss",
            ".item() は表示だけに使い、損失にはテンソルを使う",
        ),
        Text(
            "if strings are needed (a tokeniser), score them as a black box: policy gradient",
            "文字列が必要なら(トークナイザなど)ブラックボックスとして評価する: 方策勾配",
        ),
    ),
    causes=(
        Cause(
            "pickled",
            Text(
                "Pickling or saving a tensor writes its values and not its history: what is read back is a new tensor.",
                "pickle や保存はテンソルの値だけを書き、履歴は書きません。読み戻したものは新しいテンソルです。",
            ),
            (
                Text(
                    "keep the tensor itself in memory for as long as its gradient is wanted",
                    "勾配が必要な間は、テンソルそのものをメモリに残す",
                ),
                Text(
                    "if the file is a cache of fixed features: detach them, and do not ask what lies behind them to "
                    "learn",
                    "固定した特徴量のキャッシュなら detach し、その手前は学習対象にしない",
                ),
            ),
            words("__reduce_ex__"),
        ),
    ),
    bridge=Bridge(
        how=Text(
            "where the same numbers came back, they came back with their gradient (identity)",
            "同じ数が戻ってきたところでは、勾配とともに戻りました(恒等写像)",
        )
    ),
    example=EXAMPLE,
    instead=INSTEAD,
)
