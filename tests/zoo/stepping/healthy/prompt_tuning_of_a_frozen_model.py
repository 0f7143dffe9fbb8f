# Only the prompt learns; the rest is frozen and never given.
import torch
from torch import nn


class Prompted(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).requires_grad_(False)
        self.prompt = nn.Parameter(torch.randn(3, 8) * 0.02)
        self.out = nn.Linear(8, 2).requires_grad_(False)

    def forward(self, x):
        x = torch.cat([self.prompt.expand(len(x), -1, -1), x], dim=1)
        return self.out(self.body(x)[:, 0])


def main():
    torch.manual_seed(0)
    net = Prompted()
    opt = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(3):
        loss = nn.functional.cross_entropy(net(torch.randn(4, 5, 8)), torch.randint(2, (4,)))
        opt.zero_grad()
        loss.backward()
        opt.step()
    return net


model = main()
