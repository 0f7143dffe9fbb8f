# expected: average_reversed
# The exponential moving average is copied the wrong way: the model is drawn to its own start.
# after: TrainCheck, success story 2 (something else writes the weights)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import copy

import torch
from torch import nn


class EMA:
    def __init__(self, model, decay=0.9):
        self.shadow, self.decay = copy.deepcopy(model), decay

    @torch.no_grad()
    def update(self, model):
        for slow, fast in zip(self.shadow.parameters(), model.parameters()):
            fast.mul_(self.decay).add_(slow, alpha=1 - self.decay)  # <- average_reversed


torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model, criterion = nn.Linear(10, 3), nn.CrossEntropyLoss()
ema = EMA(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
    ema.update(model)
