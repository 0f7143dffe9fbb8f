# expected: not_held
# The contrastive head lives beside the encoder, and the optimizer was given the encoder alone.
import torch
from torch import nn

encoder = nn.Sequential(nn.Linear(8, 16), nn.ReLU())
projector = nn.Linear(16, 4)
optimizer = torch.optim.Adam(encoder.parameters(), lr=3e-4)  # <- not_held
for _ in range(2):
    one = projector(encoder(torch.randn(6, 8)))
    two = projector(encoder(torch.randn(6, 8)))
    loss = nn.functional.cross_entropy(one @ two.T, torch.arange(6))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
