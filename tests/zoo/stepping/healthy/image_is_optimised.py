# Style transfer: the picture learns, the network in eval mode does not.
import torch
from torch import nn

network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3)).eval()
goal = network(torch.rand(1, 3, 8, 8)).detach()
picture = torch.rand(1, 3, 8, 8, requires_grad=True)
optimizer = torch.optim.Adam([picture], lr=0.05)
for _ in range(3):
    optimizer.zero_grad()
    nn.functional.mse_loss(network(picture), goal).backward()
    optimizer.step()
