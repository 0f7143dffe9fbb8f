"""GF714 ranks_apart: ranks whose weights drift apart: DDP passed by, hooks lost, an own clip or schedule."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
torch.manual_seed(0)
model = nn.Linear(4, 3)
wrapped = DistributedDataParallel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(8, 4) + dist.get_rank()


def step():
    optimizer.zero_grad()
    model(inputs).square().mean().backward()
    optimizer.step()
"""
INSTEAD = """\
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
torch.manual_seed(0)
model = nn.Linear(4, 3)
wrapped = DistributedDataParallel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(8, 4) + dist.get_rank()


def step():
    optimizer.zero_grad()
    wrapped(inputs).square().mean().backward()
    optimizer.step()
"""

KIND = Kind(
    code="GF714",
    name="ranks_apart",
    since="0.2.0",
    lesson="l26_ranks_apart",
    heading=Text(
        "ranks whose weights drift apart",
        "重みがずれていくランク",
    ),
    about=about(
        Text(
            "The ranks held the same parameters before the step and hold different ones after it: they train "
            "different models.",
            "step の前は同じだった各ランクのパラメータが、step の後は異なっています。別々のモデルを学習しています。",
        ),
        Text(
            "call the wrapped model, not the module inside it: ddp(inputs), not ddp.module(inputs)",
            "中のモジュールではなく、ラップしたモデルを呼ぶ: ddp.module(inputs) ではなく ddp(inputs)",
        ),
        Text(
            "change parameters and modules before wrapping, and nothing that depends on the rank after it",
            "パラメータやモジュールの変更はラップの前に行い、その後はランクに依存する変更をしない",
        ),
        Text(
            "clip by a norm, schedule by a count, and skip by a condition that all ranks share",
            "クリッピングのノルム、スケジュールの回数、skip の条件はすべてのランクで共有する",
        ),
    ),
    causes=(
        Cause(
            "passed_by",
            Text(
                "Rank {rank}'s loss at {line} was computed with the module inside DistributedDataParallel: its "
                "gradients are not averaged.",
                "ランク {rank} の {line} の損失は、DistributedDataParallel の中のモジュールで計算されています。"
                "勾配が平均されません。",
            ),
            (
                Text(
                    "call the wrapped model",
                    "ラップしたモデルを呼ぶ",
                ),
            ),
        ),
        Cause(
            "not_averaged",
            Text(
                "After backward() {parameter}'s gradient differs between ranks: nothing averaged it.",
                "backward() の後、{parameter} の勾配がランクごとに異なります。平均されていません。",
            ),
            (
                Text(
                    "wrap the model before the forward pass, and do not replace its parameters afterwards",
                    "順伝播の前にモデルをラップし、その後でパラメータを置き換えない",
                ),
                Text(
                    "end the accumulation: no_sync() must not surround the last micro-batch",
                    "累積を終える: 最後のマイクロバッチを no_sync() の中に入れない",
                ),
            ),
        ),
        Cause(
            "step_differs",
            Text(
                "The gradients agree and the steps do not: {optimizer} of rank {rank} steps with another rate, clip "
                "or count at {line}.",
                "勾配は一致していますが、step が異なります。ランク {rank} の {optimizer} は {line} "
                "で異なる学習率・クリッピング・更新回数を使っています。",
            ),
            (
                Text(
                    "derive rate, clip and the decision to skip from what all ranks share",
                    "学習率、クリッピング、skip の判断は、全ランクに共通のものから決める",
                ),
            ),
        ),
        Cause(
            "start_differs",
            Text(
                "The ranks begin with different values of {parameter}: nothing sent one rank's to the others.",
                "{parameter} の初期値がランクごとに異なります。1 つのランクの値が配られていません。",
            ),
            (
                Text(
                    "wrap with DistributedDataParallel (it sends rank 0's), load on every rank, or the same seed on "
                    "all",
                    "DistributedDataParallel でラップする(ランク 0 の値が配られる)、全ランクで読み込む、"
                    "または同じシードを使う",
                ),
            ),
        ),
    ),
    asked_by="two ranks",
    example=EXAMPLE,
    instead=INSTEAD,
)
