# expected: overwritten
# To see whether anything learns, the weights of before are held against those of after; they are the same tensors.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
before = None
for _ in range(3):
    before = list(model.parameters())  # <- overwritten
    x = torch.randn(8, 4)
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x), x.sum(1, keepdim=True)).backward()
    optimizer.step()
    print([torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True)])
