# expected: not_cleared
# Two models in one loop; the second's gradients are never cleared.
import torch
from torch import nn

torch.manual_seed(0)
student, peer = nn.Linear(6, 4), nn.Linear(6, 4)
first = torch.optim.SGD(student.parameters(), lr=0.1)
second = torch.optim.SGD(peer.parameters(), lr=0.1)
for _ in range(3):
    x, label = torch.randn(5, 6), torch.randint(4, (5,))
    first.zero_grad()
    nn.functional.cross_entropy(student(x), label).backward()
    first.step()
    first.zero_grad()  # <- not_cleared
    nn.functional.cross_entropy(peer(x), label).backward()
    second.step()
