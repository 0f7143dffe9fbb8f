# expected: never_stepped
# The step waits for a scale that never changes.
# after: TrainCheck, success story 2 (gradients are computed and not applied)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Engine:
    def __init__(self, optimizer):
        self.optimizer, self.synced = optimizer, False

    def backward(self, loss):
        loss.backward()

    def step(self):
        if self.synced:  # <- never_stepped
            self.optimizer.step()
        self.optimizer.zero_grad()


torch.manual_seed(0)
x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
model, criterion = nn.Linear(6, 3), nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
engine = Engine(optimizer)
for _ in range(3):
    engine.backward(criterion(model(x), y))
    engine.step()
