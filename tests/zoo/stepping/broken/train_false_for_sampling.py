# expected: mode_flips
# Samples are drawn between the steps with train(False), and training goes on in that mode.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 16), nn.LayerNorm(16), nn.Dropout(0.4), nn.ReLU(), nn.Linear(16, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)


@torch.no_grad()
def sample(count):
    model.train(False)  # <- mode_flips
    return model(torch.randn(count, 4))


for _ in range(3):
    noise = torch.randn(6, 4)
    optimizer.zero_grad()
    (model(noise) - noise).square().mean().backward()
    optimizer.step()
    sample(2)
