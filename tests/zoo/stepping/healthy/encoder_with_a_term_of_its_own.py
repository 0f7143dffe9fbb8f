# The encoder's own term and the task's loss are summed in its gradient: all is cleared at the start, as it is meant.
import torch
from torch import nn

encoder, head = nn.Linear(6, 4), nn.Linear(4, 1)
encoder_optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3)
head_optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
for _ in range(3):
    x, y = torch.randn(8, 6), torch.randn(8, 1)
    encoder_optimizer.zero_grad()
    head_optimizer.zero_grad()
    (0.1 * encoder(x).square().mean()).backward()
    (head(encoder(x).relu()) - y).square().mean().backward()
    encoder_optimizer.step()
    head_optimizer.step()
