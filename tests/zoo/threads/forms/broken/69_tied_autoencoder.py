import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class TiedLayer(nn.Module):
    """h = act(W x + b), back: x = W^T h + c with the same W."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.enc = nn.Linear(inputs, hidden)
        self.back = nn.Parameter(self.enc.weight.t().detach().contiguous())
        self.back_bias = nn.Parameter(torch.zeros(inputs))

    def encode(self, x):
        return torch.tanh(self.enc(x))

    def decode(self, h):
        return F.linear(h, self.back, self.back_bias)

    def mismatch(self):
        return (self.enc.weight.t() - self.back).norm().item()


class Stack(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(TiedLayer(i, o) for i, o in zip(sizes, sizes[1:]))

    def forward(self, x):
        for layer in self.layers:
            x = layer.encode(x)
        for layer in reversed(self.layers):
            x = layer.decode(x)
        return x


mixing = torch.randn(5, 30)


def signals(n):
    return torch.tanh(torch.randn(n, 5) @ mixing / 5 ** 0.5)


model = Stack([30, 16, 5])
optim = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(300):
    x = signals(128)
    loss = F.mse_loss(model(x), x)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 60 == 0:
        print(step, round(loss.item(), 4), "difference of the tied weights", [round(l.mismatch(), 3) for l in model.layers])
