import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(5)

SIGNS = torch.sign(torch.randn(4, 3, 8, 8))


def data(n):
    y = torch.randint(0, 4, (n,))
    return SIGNS[y] * torch.rand(n, 1, 1, 1) + torch.randn(n, 3, 8, 8), y


def conv(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU())


net = nn.Sequential(conv(3, 16), conv(16, 32), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32 * 16, 4))
train = DataLoader(TensorDataset(*data(480)), batch_size=32, shuffle=True, drop_last=True)
test_x, test_y = data(300)

averaged = AveragedModel(net)
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)


def score(model):
    model.eval()
    with torch.no_grad():
        out = model(test_x)
    return F.cross_entropy(out, test_y).item(), (out.argmax(1) == test_y).float().mean().item()


def reestimate(model, loader):
    """Fresh running statistics for averaged weights: forward passes only."""
    momenta = {}
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.reset_running_stats()
            momenta[m] = m.momentum
            m.momentum = None
    model.train()
    with torch.no_grad():
        for x, _ in loader:
            model(x)
    for m, mom in momenta.items():
        m.momentum = mom


START = 3
for epoch in range(8):
    if epoch == START:
        for group in optimizer.param_groups:
            group["lr"] = 0.01
    net.train()
    total = 0.0
    for x, y in train:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch >= START:
        averaged.update_parameters(net)
    print(f"epoch {epoch}  loss {total / len(train):.4f}  test {score(net)}")

print("averaged, old statistics", score(averaged))
reestimate(averaged, train)
print("averaged, new statistics", score(averaged))
