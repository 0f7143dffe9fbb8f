# structured pruning of a small convnet: pretrain -> mask by L1 -> shrink -> finetune
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(5)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 16, 3, padding=1)
        self.fc = nn.Linear(16, 4)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.relu(self.conv2(x)).mean((2, 3))
        return self.fc(x)


def l1_keep(conv, ratio):
    score = conv.weight.detach().abs().sum((1, 2, 3))
    return score.topk(int(len(score) * (1 - ratio))).indices.sort().values


def speedup(model, ratio=0.5):
    """Swap the layers for narrower ones holding the surviving filters."""
    keep1, keep2 = l1_keep(model.conv1, ratio), l1_keep(model.conv2, ratio)
    c1 = nn.Conv2d(1, len(keep1), 3, padding=1)
    c2 = nn.Conv2d(len(keep1), len(keep2), 3, padding=1)
    fc = nn.Linear(len(keep2), 4)
    with torch.no_grad():
        c1.weight.copy_(model.conv1.weight[keep1])
        c1.bias.copy_(model.conv1.bias[keep1])
        c2.weight.copy_(model.conv2.weight[keep2][:, keep1])
        c2.bias.copy_(model.conv2.bias[keep2])
        fc.weight.copy_(model.fc.weight[:, keep2])
        fc.bias.copy_(model.fc.bias)
    model.conv1, model.conv2, model.fc = c1, c2, fc
    return model


def batch(n=32):
    y = torch.randint(0, 4, (n,))
    x = 0.4 * torch.randn(n, 1, 8, 8)
    for k in range(4):
        x[y == k, 0, 2 * k: 2 * k + 2] += 1.0
    return x, y


def train(model, optimizer, steps, tag):
    model.train()
    for s in range(steps):
        x, y = batch()
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if s % 10 == 0:
            print(f"{tag} {s:3d} loss {loss.item():.4f}")


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
train(model, optimizer, 20, "pretrain")

model = speedup(model, 0.5)
print("params after speedup:", sum(p.numel() for p in model.parameters()))
for g in optimizer.param_groups:
    g["lr"] = 0.05
train(model, optimizer, 30, "finetune")
