import random

import torch
import torch.nn as nn
import torch.nn.functional as F


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.conv2, self.bn2 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)

    def forward(self, x):
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))


class StochasticDepthNet(nn.Module):
    def __init__(self, c=10, blocks=5, p_last=0.5, n_class=3):
        super().__init__()
        self.stem = nn.Conv2d(1, c, 3, padding=1)
        self.blocks = nn.ModuleList(Residual(c) for _ in range(blocks))
        self.survival = [1 - i / blocks * (1 - p_last) for i in range(1, blocks + 1)]
        self.aux = nn.Linear(c, n_class)
        self.fc = nn.Linear(c, n_class)

    def forward(self, x):
        h = self.stem(x)
        for i, (block, p) in enumerate(zip(self.blocks, self.survival)):
            if self.training:
                if random.random() > p:
                    continue
                h = F.relu(h + block(h))
            else:
                h = F.relu(h + p * block(h))
            if i == 1:
                mid = h
        logits = self.fc(h.mean((2, 3)))
        if self.training and "mid" in locals():
            return logits, self.aux(mid.mean((2, 3)))
        return logits, None


random.seed(1)
torch.manual_seed(0)
net = StochasticDepthNet()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
x, y = torch.rand(16, 1, 10, 10), torch.randint(0, 3, (16,))
for step in range(6):
    net.train()
    logits, aux = net(x)
    loss = F.cross_entropy(logits, y)
    if aux is not None:
        loss = loss + 0.3 * F.cross_entropy(aux, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    net.eval()
    with torch.no_grad():
        acc = (net(x)[0].argmax(1) == y).float().mean().item()
    print(f"{step} loss {loss.item():.4f} acc {acc:.2f}")
