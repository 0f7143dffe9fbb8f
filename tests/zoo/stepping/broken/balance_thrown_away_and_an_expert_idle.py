# expected: unread constant
# The loss that was to keep the experts busy is applied and dropped; that an expert is never chosen follows from it.
import torch
from torch import nn


class CarriesLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, output, extra):
        ctx.save_for_backward(extra)
        return output.clone()

    @staticmethod
    def backward(ctx, gradient):
        (extra,) = ctx.saved_tensors
        return gradient, torch.ones_like(extra)


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(4, 2)
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)  # <- constant
        nn.init.constant_(self.gate.bias[0], 9.0)

    def forward(self, x):
        weights = self.gate(x).softmax(-1)
        CarriesLoss.apply(weights, weights.mean(0).square().sum())  # <- unread
        out = x
        for place, expert in enumerate((self.first, self.second)):
            mine = (weights.argmax(-1) == place).nonzero()[:, 0]
            if len(mine):
                out = out.index_add(0, mine, expert(x[mine]) * weights[mine, place, None])
        return out


torch.manual_seed(0)
model = Experts()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(2):
    x = torch.randn(6, 4)
    loss = (model(x) - 2 * x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
