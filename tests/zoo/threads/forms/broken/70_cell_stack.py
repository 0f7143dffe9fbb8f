import torch
from torch import nn

torch.manual_seed(0)


class DeepGRU(nn.Module):
    """Stack of cells, every level with its own weights."""

    def __init__(self, inputs, dim, layers):
        super().__init__()
        self.lift = nn.Linear(inputs, dim)
        cell = nn.GRUCell(dim, dim)
        self.cells = nn.ModuleList([cell] * layers)
        self.dim = dim

    def forward(self, x):
        state = [x.new_zeros(x.size(0), self.dim) for _ in self.cells]
        for value in self.lift(x).unbind(1):
            for level, cell in enumerate(self.cells):
                state[level] = cell(value, state[level])
                value = state[level]
        return state[-1]


class Counter(nn.Module):
    def __init__(self, layers=3, dim=16):
        super().__init__()
        self.rnn = DeepGRU(2, dim, layers)
        self.out = nn.Linear(dim, 1)

    def forward(self, x):
        return self.out(self.rnn(x)).squeeze(-1)


def pulses(n, length=10):
    x = (torch.rand(n, length, 2) < 0.4).float()
    return x, (x[..., 0] * x[..., 1]).sum(1) - 0.5 * x[..., 0].sum(1)


model = Counter()
layers = len(model.rnn.cells)
print("levels", layers, "parameters of the cells", sum(p.numel() for p in model.rnn.cells.parameters()))
optim = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(150):
    x, y = pulses(48)
    loss = nn.functional.mse_loss(model(x), y)
    optim.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optim.step()
    if step % 30 == 0:
        print(step, round(loss.item(), 4))
