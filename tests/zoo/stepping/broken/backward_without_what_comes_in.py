# expected: wrong_value
# A gate of our own: its backward gives its local slope alone, and the sign of all that follows is lost.
import torch
from torch import nn

torch.manual_seed(0)


class Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value):
        ctx.save_for_backward(value)
        return value * value.sigmoid()

    @staticmethod
    def backward(ctx, grad_output):
        (value,) = ctx.saved_tensors
        open_ = value.sigmoid()
        return open_ * (1 + value * (1 - open_))  # <- wrong_value


first, last = nn.Linear(4, 6), nn.Linear(6, 1)
optimizer = torch.optim.SGD([*first.parameters(), *last.parameters()], lr=0.1)
for _ in range(3):
    loss = nn.functional.mse_loss(-last(Gate.apply(first(torch.randn(5, 4)))), torch.ones(5, 1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
