# expected: not_cleared
# The encoder is cleared, and the decoder has gradients too.
import torch
from torch import nn

encoder, decoder = nn.Linear(6, 3), nn.Linear(3, 6)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
for _ in range(3):
    x = torch.randn(4, 6)
    encoder.zero_grad()
    (decoder(encoder(x)) - x).square().mean().backward()  # <- not_cleared
    optimizer.step()
