# expected: one_for_several
# Two levels of an LSTM by hand, each with a state of its own, and the list holds one cell for both.
import torch
from torch import nn


class Stack(nn.Module):
    def __init__(self, width=5):
        super().__init__()
        cell = nn.LSTMCell(width, width)
        self.levels = nn.ModuleList(2 * [cell])  # <- one_for_several
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        states = [None for _ in self.levels]
        for step in x.unbind(1):
            for place, cell in enumerate(self.levels):
                states[place] = cell(step, states[place])
                step = states[place][0]
        return self.out(step).squeeze(1)


model = Stack()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(2):
    x = torch.randn(8, 4, 5)
    optimizer.zero_grad()
    (model(x) - x[:, 0].sum(1)).square().mean().backward()
    optimizer.step()
