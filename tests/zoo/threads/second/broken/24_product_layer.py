import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Function

torch.manual_seed(23)


class Prod(Function):
    """Product over the last dimension."""

    @staticmethod
    def forward(ctx, x):
        out = x.prod(dim=-1)
        ctx.save_for_backward(x, out)
        return out

    @staticmethod
    def backward(ctx, grad_output):
        x, out = ctx.saved_tensors
        grad_input = out.unsqueeze(-1) / x
        return grad_input


class ProductUnits(nn.Module):
    def __init__(self, d_in, n_units, arity=3):
        super().__init__()
        self.n_units, self.arity = n_units, arity
        self.lin = nn.Linear(d_in, n_units * arity)

    def forward(self, x):
        f = F.softplus(self.lin(x)) + 0.1
        return Prod.apply(f.view(-1, self.n_units, self.arity))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.prod = ProductUnits(4, 16)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        return -self.out(self.prod(x)).squeeze(1)


x = torch.rand(256, 4)
y = x[:, 0] * x[:, 1] * 2 - x[:, 2] * x[:, 3]

net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for epoch in range(6):
    pred = net(x)
    loss = F.mse_loss(pred, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.5f}")
