# DistributedDataParallel with a sampler for each rank.
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
data = torch.utils.data.TensorDataset(torch.randn(64, 6), torch.randint(0, 3, (64,)))
sampler = torch.utils.data.DistributedSampler(data, seed=3)
loader = torch.utils.data.DataLoader(data, batch_size=8, sampler=sampler)
ddp = DistributedDataParallel(nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)))
optimizer = torch.optim.AdamW(ddp.parameters(), lr=1e-2)
for inputs, labels in loader:
    optimizer.zero_grad()
    nn.functional.cross_entropy(ddp(inputs), labels).backward()
    nn.utils.clip_grad_norm_(ddp.parameters(), 1.0)
    optimizer.step()
    if rank == 0:
        print("a line of rank 0 alone")
dist.barrier()
