# expected: ranks_apart
# A layer is put in after wrapping: the wrapper's hooks hang on the old one.
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 100))
ddp = DistributedDataParallel(model, find_unused_parameters=True)
ddp.module[2] = nn.Linear(8, 3)  # <- ranks_apart
optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
torch.manual_seed(1 + rank)
for _ in range(3):
    inputs, labels = torch.randn(8, 6), torch.randint(0, 3, (8,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(ddp(inputs), labels).backward()
    optimizer.step()
