# expected: ranks_apart
# Rank 0 alone clips: the averaged gradients are equal, and what steps with them is not.
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
ddp = DistributedDataParallel(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)))
optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
torch.manual_seed(1 + rank)
for _ in range(3):
    inputs, labels = torch.randn(8, 6), torch.randint(0, 3, (8,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(ddp(inputs), labels).backward()
    nn.utils.clip_grad_norm_(ddp.parameters(), 0.01 if rank == 0 else 1e9)  # <- ranks_apart
    optimizer.step()
