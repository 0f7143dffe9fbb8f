import torch
from torch import nn

torch.manual_seed(0)


class RoundClamped(torch.autograd.Function):
    """Rounds to a grid; gradient passes inside the range only."""

    @staticmethod
    def forward(ctx, x, step, low, high):
        q = torch.clamp(torch.round(x / step), low, high)
        ctx.save_for_backward(x, q)
        ctx.step, ctx.low, ctx.high = step, low, high
        return q * step

    @staticmethod
    def backward(ctx, grad):
        x, _ = ctx.saved_tensors
        inside = (x >= ctx.low * ctx.step) & (x <= ctx.high * ctx.step)
        return grad * inside, None, None, None


class QuantLinear(nn.Linear):
    def __init__(self, i, o, bits=4):
        super().__init__(i, o)
        self.high = 2 ** (bits - 1) - 1

    def forward(self, x):
        step = (self.weight.detach().abs().max() / self.high).item()
        w = RoundClamped.apply(self.weight, step, -self.high, self.high)
        return nn.functional.linear(x, w, self.bias)


class Trainer:
    def __init__(self):
        self.model = nn.Sequential(QuantLinear(2, 48), nn.ReLU(), QuantLinear(48, 48), nn.ReLU(), nn.Linear(48, 2))
        self.optim = torch.optim.Adam(self.model.parameters(), lr=5e-3)

    @staticmethod
    def spirals(n):
        y = torch.randint(2, (n,))
        r = torch.rand(n)
        a = 5 * r + 3.1416 * y
        return torch.stack([r * a.cos(), r * a.sin()], 1) * 2 + 0.03 * torch.randn(n, 2), y

    def train_step(self):
        x, y = self.spirals(128)
        loss = nn.functional.cross_entropy(self.model(x), y)
        self.optim.zero_grad()
        loss.backward()
        self.optim.step()
        return loss.item()

    @torch.no_grad()
    def validate(self):
        x, y = self.spirals(2000)
        return (self.model(x).argmax(1) == y).float().mean().item()


trainer = Trainer()
for step in range(400):
    loss = trainer.train_step()
    if step % 80 == 0:
        print(step, round(loss, 3), "accuracy", round(trainer.validate(), 3))
print("accuracy", trainer.validate())
