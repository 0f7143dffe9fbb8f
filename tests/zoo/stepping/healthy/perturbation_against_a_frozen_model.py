# An attack: the perturbation is to make the loss of a frozen classifier larger, so its sign is turned.
import torch
from torch import nn

torch.manual_seed(0)
classifier = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).eval().requires_grad_(False)
perturbation = nn.Parameter(torch.zeros(1, 6))
optimizer = torch.optim.SGD([perturbation], lr=0.1)
x, label = torch.randn(5, 6), torch.randint(3, (5,))
for _ in range(3):
    optimizer.zero_grad()
    loss = -nn.functional.cross_entropy(classifier(x + perturbation), label)
    loss.backward()
    optimizer.step()
