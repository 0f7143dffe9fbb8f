# expected: never_stepped
# Encoder and decoder have an optimizer each, and the encoder's own loss is never stepped on.
import torch
from torch import nn

encoder, probe = nn.Linear(6, 3), nn.Linear(6, 2)
fast = torch.optim.Adam(encoder.parameters(), lr=1e-3)
slow = torch.optim.Adam(probe.parameters(), lr=1e-4)  # <- never_stepped
for _ in range(3):
    x = torch.randn(8, 6)
    fast.zero_grad()
    slow.zero_grad()
    encoder(x).square().mean().backward()
    (probe(x) - 1).square().mean().backward()
    fast.step()
