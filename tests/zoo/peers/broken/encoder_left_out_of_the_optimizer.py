# expected: not_held
# Two networks learn together, and the optimizer is given one.
# after: torchtest2, README, optimizer_coverage
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(8, 4), nn.Linear(4, 8)

    def forward(self, x):
        return self.decoder(self.encoder(x).tanh())


def make_optimizer(model, lr=1e-2):
    return torch.optim.RMSprop(model.decoder.parameters(), lr=lr)  # <- not_held


torch.manual_seed(0)
x = torch.randn(8, 8)
y = x
model, criterion = Both(), nn.MSELoss()
optimizer = make_optimizer(model)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
