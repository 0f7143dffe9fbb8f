# The divergence is summed over the codes of a sample and averaged over the samples; two sums weigh little on purpose.
import torch
from torch import nn

torch.manual_seed(0)
encode, decode = nn.Linear(16, 8), nn.Linear(4, 16)
model = nn.ModuleList([encode, decode])
optimizer = torch.optim.Adam(model.parameters())
for _ in range(2):
    images = torch.rand(16, 16)
    mean, spread = encode(images).chunk(2, 1)
    codes = mean + (spread / 2).exp() * torch.randn_like(mean)
    divergence = -0.5 * (1 + spread - mean.square() - spread.exp()).sum(1).mean()
    decay = sum(weight.square().sum() for weight in model.parameters())
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(decode(codes), images) + 0.1 * divergence
    (loss + 0.5 * decay + 1e-3 * codes.abs().sum() + codes.square().sum() / len(images)).backward()
    optimizer.step()
