# expected: overwritten
# A module in a module: the momentum encoder is replaced by the encoder at the end of the constructor.
import torch
from torch import nn


class Contrast(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.momentum_encoder = nn.Linear(6, 4), nn.Linear(6, 4)
        self.momentum_encoder.load_state_dict(self.encoder.state_dict())
        self.momentum_encoder = self.encoder  # <- overwritten

    def forward(self, one, two):
        with torch.no_grad():
            keys = nn.functional.normalize(self.momentum_encoder(two), dim=1)
        queries = nn.functional.normalize(self.encoder(one), dim=1)
        return nn.functional.cross_entropy(queries @ keys.T / 0.1, torch.arange(len(one)))


class Pretraining(nn.Module):
    def __init__(self):
        super().__init__()
        self.contrast = Contrast()

    def forward(self, x):
        return self.contrast(x + 0.1 * torch.randn_like(x), x)


model = Pretraining()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def step():
    x = torch.randn(8, 6)
    optimizer.zero_grad()
    model(x).backward()
    optimizer.step()


for _ in range(3):
    step()
