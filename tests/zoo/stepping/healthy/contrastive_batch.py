# Every sample is held against every other on purpose.
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
optimizer = torch.optim.Adam(model.parameters())
for _ in range(3):
    x = torch.randn(8, 6)
    one = F.normalize(model(x + 0.1 * torch.randn_like(x)), dim=-1)
    two = F.normalize(model(x + 0.1 * torch.randn_like(x)), dim=-1)
    scores = one @ two.T / 0.2
    targets = torch.arange(8)
    optimizer.zero_grad()
    ((F.cross_entropy(scores, targets) + F.cross_entropy(scores.T, targets)) / 2).backward()
    optimizer.step()
