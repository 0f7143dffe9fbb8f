import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class MixerBlock(nn.Module):
    def __init__(self, tokens, dim, rate):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.token = nn.Linear(tokens, tokens)
        self.channel = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.rate = rate

    def forward(self, x):
        mixed = torch.einsum("btd,st->bsd", self.norm1(x), self.token.weight) + self.token.bias[:, None]
        x = x + F.dropout(mixed, self.rate)
        return x + F.dropout(self.channel(self.norm2(x)), self.rate)


class Mixer(nn.Module):
    def __init__(self, tokens=8, dim=16, depth=3, rate=0.4):
        super().__init__()
        self.inp = nn.Linear(4, dim)
        self.blocks = nn.ModuleList(MixerBlock(tokens, dim, rate) for _ in range(depth))
        self.out = nn.Linear(dim, 1)

    def forward(self, x):
        h = self.inp(x)
        for block in self.blocks:
            h = block(h)
        return self.out(h.mean(1)).squeeze(-1)


def data(n):
    x = torch.randn(n, 8, 4)
    return x, x[:, 0, 0] + x[:, 3, 1] - x[:, 5, 2]


model = Mixer()
optim = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
test_x, test_y = data(500)


@torch.no_grad()
def evaluate():
    was = model.training
    model.eval()
    first, second = model(test_x), model(test_x)
    model.train(was)
    return F.mse_loss(first, test_y).item(), (first - second).abs().mean().item()


for step in range(200):
    x, y = data(64)
    loss = F.mse_loss(model(x), y)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 50 == 49:
        mse, wobble = evaluate()
        print(f"step {step + 1} train {loss.item():.3f} test {mse:.3f} two passes differ by {wobble:.3f}")
