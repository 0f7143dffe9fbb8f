# expected: overwritten
# The stopper keeps a dictionary of its own, and in it the very tensors that go on training.
import torch
from torch import nn


class EarlyStopping:
    def __init__(self, patience):
        self.patience, self.waited = patience, 0
        self.lowest, self.best_state = float("inf"), None

    def __call__(self, loss, model):
        if loss < self.lowest:
            self.lowest, self.waited = loss, 0
            self.best_state = dict(model.state_dict())  # <- overwritten
        else:
            self.waited += 1
        return self.waited >= self.patience


torch.manual_seed(0)
model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
stopper = EarlyStopping(patience=2)
for _ in range(4):
    x, y = torch.randn(8, 4), torch.randint(2, (8,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    if stopper(loss.item(), model):
        break
model.load_state_dict(stopper.best_state)
