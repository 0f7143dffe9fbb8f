# expected: overwritten
# The file's names have a prefix: strict=False silences that nothing fits.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
pretrained = {f"module.{name}": value.clone() for name, value in model.state_dict().items()}
model.load_state_dict(pretrained, strict=False)  # <- overwritten
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(6, 4)).square().mean().backward()
    optimizer.step()
