# expected: detach
# A product quantiser: the loss that should move the codes is taken of what has gone through the straight-through line.
import torch
from torch import nn


class Quantiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.codes = nn.Parameter(torch.randn(2, 5, 3))

    def nearest(self, x):
        parts = x.view(-1, 2, 3).transpose(0, 1)
        place = torch.cdist(parts, self.codes).argmin(-1)
        chosen = torch.stack([self.codes[group][place[group]] for group in range(2)], 1)
        return chosen.reshape(x.shape)

    def forward(self, x):
        return (self.nearest(x) - x).detach() + x  # <- detach


coder, quantiser, reader = nn.Linear(4, 6), Quantiser(), nn.Linear(6, 4)
optimizer = torch.optim.Adam([*coder.parameters(), *quantiser.parameters(), *reader.parameters()], lr=1e-2)
for _ in range(2):
    x = torch.randn(8, 4)
    code = coder(x)
    quantised = quantiser(code)
    close = (reader(quantised) - x).square().mean()
    codes = (code.detach() - quantised).square().mean()
    commitment = (code - quantised.detach()).square().mean()
    optimizer.zero_grad()
    (close + codes + 0.25 * commitment).backward()
    optimizer.step()
