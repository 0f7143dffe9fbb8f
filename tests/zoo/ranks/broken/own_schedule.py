# expected: ranks_apart
# The rate falls with the rank's own count.
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
ddp = DistributedDataParallel(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)))
optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
seen = 3 * rank
torch.manual_seed(1 + rank)
for _ in range(3):
    inputs, labels = torch.randn(8, 6), torch.randint(0, 3, (8,))
    optimizer.param_groups[0]["lr"] = 0.1 * 0.9**seen
    optimizer.zero_grad()
    nn.functional.cross_entropy(ddp(inputs), labels).backward()
    optimizer.step()  # <- ranks_apart
    seen += 1
