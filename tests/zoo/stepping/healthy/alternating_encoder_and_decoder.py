# Each half has an optimizer of its own; they step on alternate batches.
import torch
from torch import nn

torch.manual_seed(0)
encoder, decoder = nn.Linear(6, 3), nn.Linear(3, 6)
optimizers = [torch.optim.SGD(part.parameters(), lr=0.05) for part in (encoder, decoder)]
for number in range(6):
    batch = torch.randn(8, 6)
    loss = (decoder(torch.tanh(encoder(batch))) - batch).pow(2).mean()
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss.backward()
    optimizers[number % 2].step()
