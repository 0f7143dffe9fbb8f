# Encoder and head have optimizers of their own and step on one sum, of which one term is the encoder's alone.
import torch
from torch import nn

torch.manual_seed(0)
encoder, head = nn.Linear(5, 4), nn.Linear(4, 2)
slow = torch.optim.SGD(encoder.parameters(), lr=0.01)
fast = torch.optim.Adam(head.parameters(), lr=1e-3)
for _ in range(4):
    inputs, targets = torch.randn(8, 5), torch.randn(8, 2)
    hidden = encoder(inputs)
    loss = nn.functional.mse_loss(head(hidden), targets) + 0.1 * nn.functional.mse_loss(hidden, inputs[:, :4])
    slow.zero_grad()
    fast.zero_grad()
    loss.backward()
    slow.step()
    fast.step()
