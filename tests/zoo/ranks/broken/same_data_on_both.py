# expected: same_data
# Every rank reads the whole data set in the same order.
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
data = torch.utils.data.TensorDataset(torch.randn(32, 6), torch.randint(0, 3, (32,)))
loader = torch.utils.data.DataLoader(data, batch_size=8)
ddp = DistributedDataParallel(nn.Linear(6, 3))
optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
for inputs, labels in loader:
    optimizer.zero_grad()
    outputs = ddp(inputs)  # <- same_data
    nn.functional.cross_entropy(outputs, labels).backward()
    optimizer.step()
