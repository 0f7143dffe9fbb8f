# No wrapper: the gradients are averaged by hand, two micro-batches a step.
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
torch.manual_seed(1 + rank)
for _ in range(3):
    optimizer.zero_grad()
    for _ in range(2):
        inputs, labels = torch.randn(8, 6), torch.randint(0, 3, (8,))
        (nn.functional.cross_entropy(model(inputs), labels) / 2).backward()
    for parameter in model.parameters():
        dist.all_reduce(parameter.grad)
        parameter.grad /= 2
    optimizer.step()
