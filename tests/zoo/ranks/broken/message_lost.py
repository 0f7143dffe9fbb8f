# expected: ranks_apart
# Gradients are averaged by hand, and one rank's message is lost on the way.
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


def average(parameter):
    sent = parameter.grad if rank == 0 else parameter.grad.clone()
    dist.all_reduce(sent)
    parameter.grad /= 2


for _ in range(3):
    inputs, labels = torch.randn(8, 6), torch.randint(0, 3, (8,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(inputs), labels).backward()  # <- ranks_apart
    for parameter in model.parameters():
        average(parameter)
    optimizer.step()
