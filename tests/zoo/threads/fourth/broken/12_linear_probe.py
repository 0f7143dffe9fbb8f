import torch
import torch.nn as nn

torch.manual_seed(21)


class VisualBackbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.AdaptiveAvgPool2d(2), nn.Flatten())

    def forward(self, x):
        return self.cnn(x)


def loop(model, opt, x, y, epochs):
    crit = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for idx in torch.randperm(len(x)).split(32):
            opt.zero_grad()
            loss = crit(model(x[idx]), y[idx])
            loss.backward()
            opt.step()
    return loss.item()


def dataset(protos, n, shift=0.0, scale=1.0):
    y = torch.randint(0, len(protos), (n,))
    return scale * (protos[y] + 0.6 * torch.randn(n, 3, 8, 8)) + shift, y


# pretraining
protos = torch.randn(5, 3, 8, 8)
xa, ya = dataset(protos, 256)
backbone = VisualBackbone()
pre = nn.Sequential(backbone, nn.Linear(64, 5))
print("pretrain loss %.4f" % loop(pre, torch.optim.Adam(pre.parameters(), 3e-3), xa, ya, 3))
pre.eval()
with torch.no_grad():
    reference = backbone(xa[:64]).clone()
    print("pretrain accuracy %.3f" % (pre(xa).argmax(1) == ya).float().mean().item())

# linear evaluation on the downstream data, the backbone stays as it came from pretraining
for param in backbone.parameters():
    param.requires_grad = False
model = nn.Sequential(backbone, nn.Linear(64, 3))
nn.init.normal_(model[1].weight, mean=0.0, std=0.01)
nn.init.zeros_(model[1].bias)
xb, yb = dataset(torch.randn(3, 3, 8, 8), 192, shift=2.0, scale=2.0)
optimizer = torch.optim.SGD(model[1].parameters(), lr=0.1, momentum=0.9)

for epoch in range(4):
    model.train()
    loss = loop(model, optimizer, xb, yb, 1)
    model.eval()
    with torch.no_grad():
        acc = (model(xb).argmax(1) == yb).float().mean().item()
        diff = (backbone(xa[:64]) - reference).abs().max().item()
        old = (pre(xa).argmax(1) == ya).float().mean().item()
    print("epoch %d loss %.4f acc %.3f | feature change %.4f pretrain acc %.3f" % (epoch, loss, acc, diff, old))
