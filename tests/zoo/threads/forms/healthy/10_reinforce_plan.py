import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(0)


class Router(nn.Module):
    """Hard choice of an expert: score-function gradient for the choice, plain gradient for the experts."""

    def __init__(self, inputs, experts):
        super().__init__()
        self.choose = nn.Sequential(nn.Linear(inputs, 32), nn.Tanh(), nn.Linear(32, experts))
        self.experts = nn.ModuleList(nn.Linear(inputs, 1) for _ in range(experts))
        self.register_buffer("baseline", torch.zeros(()))

    def forward(self, x):
        dist = Categorical(logits=self.choose(x))
        pick = dist.sample() if self.training else dist.probs.argmax(-1)
        every = torch.stack([e(x).squeeze(-1) for e in self.experts], dim=1)
        return every.gather(1, pick.unsqueeze(1)).squeeze(1), dist, pick

    def objective(self, x, y):
        out, dist, pick = self(x)
        error = (out - y).square()
        reward = -error.detach()
        advantage = reward - self.baseline
        self.baseline.lerp_(reward.mean(), 0.05)
        score = -(advantage.clamp(-5, 5) * dist.log_prob(pick)).mean()
        return {"error": error.mean(), "score": 0.5 * score, "entropy": -0.01 * dist.entropy().mean()}


def halves(n):
    x = torch.randn(n, 3)
    return x, torch.where(x[:, 0] > 0, 2 * x[:, 1], -2 * x[:, 1] + x[:, 2])


model = Router(3, 2)
optim = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(400):
    losses = model.objective(*halves(128))
    optim.zero_grad()
    sum(losses.values()).backward()
    optim.step()
    if step % 80 == 0:
        print(step, {k: round(v.item(), 3) for k, v in losses.items()})
model.eval()
with torch.no_grad():
    x, y = halves(2000)
    print("test error", (model(x)[0] - y).square().mean().item(), "of variance", y.var().item())
