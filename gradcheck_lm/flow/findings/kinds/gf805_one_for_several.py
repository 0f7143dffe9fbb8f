"""GF805 one_for_several: a list of modules holds one module several times, where several were meant."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn


class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        self.towers = nn.ModuleList([nn.Linear(4, 3)] * 2)

    def forward(self, left, right):
        return self.towers[0](left) * self.towers[1](right)


torch.manual_seed(0)
model = Towers()
left, right = torch.randn(8, 4), torch.randn(8, 4)


def loss():
    return (model(left, right).sum(-1) - 1).square().mean()
"""
INSTEAD = """\
import torch
from torch import nn


class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        self.towers = nn.ModuleList([nn.Linear(4, 3) for _ in range(2)])

    def forward(self, left, right):
        return self.towers[0](left) * self.towers[1](right)


torch.manual_seed(0)
model = Towers()
left, right = torch.randn(8, 4), torch.randn(8, 4)


def loss():
    return (model(left, right).sum(-1) - 1).square().mean()
"""

KIND = Kind(
    code="GF805",
    name="one_for_several",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "one module in several places",
        "複数の場所で使い回される 1 つのモジュール",
    ),
    about=about(
        Text(
            "A list of modules holds one module several times: all its places share their weights, and each gets the "
            "gradients of all.",
            "モジュールのリストに同じ 1 つのモジュールが何度も入っています。すべての場所が重みを共有し、"
            "全部の勾配を受け取ります。",
        ),
        Text(
            "make one for each place: [Layer(...) for _ in range(n)]",
            "場所ごとに 1 つ作る: [Layer(...) for _ in range(n)]",
        ),
        Text(
            "if they are meant to share, keep the one module by itself and call it for each input",
            "共有するつもりなら、モジュールを 1 つだけ持ち、入力ごとに呼ぶ",
        ),
    ),
    causes=(
        Cause(
            "multiplied",
            Text(
                "`[...] * {count}` repeats one object: self.{attribute} holds a single {module} {count} times, and "
                "what it is called with side by side is read by the same weights.",
                "`[...] * {count}` は同じオブジェクトを繰り返します。self.{attribute} には 1 つの {module} が {count} "
                "回入っていて、並べて渡される入力はどれも同じ重みで処理されます。",
            ),
            (
                Text(
                    "make one for each place: [Layer(...) for _ in range({count})]",
                    "場所ごとに 1 つ作る: [Layer(...) for _ in range({count})]",
                ),
                Text(
                    "if they are meant to share, keep the one module by itself and call it for each input",
                    "共有するつもりなら、モジュールを 1 つだけ持ち、入力ごとに呼ぶ",
                ),
            ),
        ),
        Cause(
            "cells",
            Text(
                "`[...] * {count}` repeats one object: self.{attribute} holds a single {module} {count} times, and "
                "every level, each with a state of its own, is computed by the same weights.",
                "`[...] * {count}` は同じオブジェクトを繰り返します。self.{attribute} には 1 つの {module} が {count} "
                "回入っていて、それぞれ別の状態を持つ層がどれも同じ重みで計算されます。",
            ),
            (
                Text(
                    "make one for each level: nn.ModuleList({module}(...) for _ in range({count}))",
                    "層ごとに 1 つ作る: nn.ModuleList({module}(...) for _ in range({count}))",
                ),
                Text(
                    "if the levels are meant to share, keep the one cell by itself and call it for each of them",
                    "層で共有するつもりなら、セルを 1 つだけ持ち、層ごとに呼ぶ",
                ),
            ),
        ),
        Cause(
            "from_keys",
            Text(
                "dict.fromkeys gives one and the same object to every key: self.{attribute} holds a single {module} "
                "under {count} names, and what it is called with side by side is read by the same weights.",
                "dict.fromkeys はすべてのキーに同じオブジェクトを入れます。self.{attribute} には 1 つの {module} が "
                "{count} 個の名前で入っていて、並べて渡される入力はどれも同じ重みで処理されます。",
            ),
            (
                Text(
                    "make one for each name: {name: Layer(...) for name in names}",
                    "名前ごとに 1 つ作る: {name: Layer(...) for name in names}",
                ),
                Text(
                    "if they are meant to share, keep the one module by itself and call it for each input",
                    "共有するつもりなら、モジュールを 1 つだけ持ち、入力ごとに呼ぶ",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "no gradient is cut here: those of several places meet in one module",
            "ここで勾配は切れていません。複数の場所の勾配が 1 つのモジュールで合流しています",
        )
    ),
    severity="warning",
    example=EXAMPLE,
    instead=INSTEAD,
)
