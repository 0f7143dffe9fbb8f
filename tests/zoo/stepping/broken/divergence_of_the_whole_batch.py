# expected: mixed_reductions
# The reconstruction is averaged over batch and pixels, the divergence beside it is summed over batch and codes.
import torch
from torch import nn

torch.manual_seed(0)
encode, decode = nn.Linear(16, 8), nn.Linear(4, 16)
model = nn.ModuleList([encode, decode])
optimizer = torch.optim.Adam(model.parameters())
for _ in range(2):
    images = torch.rand(32, 16)
    mean, spread = encode(images).chunk(2, 1)
    codes = mean + (spread / 2).exp() * torch.randn_like(mean)
    divergence = -0.5 * (1 + spread - mean.square() - spread.exp()).sum()  # <- mixed_reductions
    optimizer.zero_grad()
    (nn.functional.mse_loss(decode(codes), images) + divergence).backward()
    optimizer.step()
