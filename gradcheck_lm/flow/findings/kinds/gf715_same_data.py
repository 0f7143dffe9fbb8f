"""GF715 same_data: the same data on all ranks or workers."""

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
inputs = torch.randn(8, 4)


def step():
    optimizer.zero_grad()
    wrapped(inputs).square().mean().backward()
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
torch.manual_seed(dist.get_rank())
inputs = torch.randn(8, 4)


def step():
    optimizer.zero_grad()
    wrapped(inputs).square().mean().backward()
    optimizer.step()
"""

KIND = Kind(
    code="GF715",
    name="same_data",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "the same data on all ranks or workers",
        "全ランクまたは全ワーカーで同じデータ",
    ),
    about=about(
        Text(
            "Two ranks or workers read the same samples in one step: more of them teach no more than one.",
            "2 つのランクまたはワーカーが同じステップで同じサンプルを読んでいます。増やしても 1 つ分しか学習しません。",
        ),
        Text(
            "DistributedSampler(dataset), with sampler.set_epoch(epoch) at each epoch's start",
            "DistributedSampler(dataset) を使い、各エポックの始めに sampler.set_epoch(epoch)",
        ),
        Text(
            "seed each worker by its number: worker_init_fn, torch.utils.data.get_worker_info()",
            "ワーカーごとに番号でシードする: worker_init_fn、torch.utils.data.get_worker_info()",
        ),
        Text(
            "an IterableDataset has to skip what other workers and ranks read",
            "IterableDataset では、他のワーカーやランクが読むものを飛ばす",
        ),
    ),
    causes=(
        Cause(
            "ranks",
            Text(
                "Rank {rank} and rank {other} were given equal batches at step {step}.",
                "ステップ {step} で、ランク {rank} とランク {other} に同じバッチが渡されました。",
            ),
            (
                Text(
                    "DistributedSampler(dataset) as the loader's sampler",
                    "ローダーの sampler に DistributedSampler(dataset) を使う",
                ),
                Text(
                    "if the ranks are one model's parts (tensor or pipeline parallel), this is meant",
                    "各ランクが 1 つのモデルの一部を受け持つなら(テンソル並列やパイプライン並列)意図どおり",
                ),
            ),
        ),
        Cause(
            "workers",
            Text(
                "Worker {rank} and worker {other} gave equal samples: they draw the same random numbers, or read the "
                "same part.",
                "ワーカー {rank} とワーカー {other} が同じサンプルを返しました。同じ乱数を使っているか、"
                "同じ部分を読んでいます。",
            ),
            (
                Text(
                    "worker_init_fn that seeds NumPy and random with torch.initial_seed()",
                    "torch.initial_seed() で NumPy と random をシードする worker_init_fn を使う",
                ),
                Text(
                    "split an IterableDataset by get_worker_info().id",
                    "IterableDataset は get_worker_info().id で分ける",
                ),
            ),
        ),
    ),
    asked_by="two ranks",
    example=EXAMPLE,
    instead=INSTEAD,
)
