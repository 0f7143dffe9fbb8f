# expected: trained_or_frozen_by_mistake
# Only the norms are to be tuned, and the head, which is new: the loop freezes it as well.
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential()
net.body = nn.Linear(4, 8)
net.norm = nn.LayerNorm(8)
net.head = nn.Linear(8, 10)
net.load_state_dict({name: value * 0.9 for name, value in net.state_dict().items()})
net.head = nn.Linear(8, 2)  # <- trained_or_frozen_by_mistake
for name, parameter in net.named_parameters():
    parameter.requires_grad = "norm" in name
optimizer = torch.optim.SGD([one for one in net.parameters() if one.requires_grad], lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(torch.randn(3, 4)), torch.tensor([0, 1, 1])).backward()
    optimizer.step()
