"""Row-anchor lane detection: pretrain on one camera, then fine-tune on a small new set."""
import io

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(7)
CELLS, ROWS, LANES = 10, 6, 2


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.layer3 = nn.Sequential(nn.Conv2d(32, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU())

    def forward(self, x):
        return self.layer3(self.layer2(self.layer1(x)))


class ParsingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = Backbone()
        self.pool = nn.Conv2d(32, 8, 1)
        self.cls = nn.Sequential(nn.Linear(8 * 6 * 5, 128), nn.ReLU(), nn.Linear(128, CELLS * ROWS * LANES))

    def forward(self, x):
        f = self.pool(self.model(x)).flatten(1)
        return self.cls(f).view(-1, CELLS, ROWS, LANES)


def make_roads(n, slope, noise):
    img = noise * torch.randn(n, 1, 24, 20)
    target = torch.zeros(n, ROWS, LANES, dtype=torch.long)
    for b in range(n):
        base = torch.tensor([torch.randint(0, 3, ()).item(), torch.randint(6, 9, ()).item()])
        for r in range(ROWS):
            cells = (base + slope * r).round().long().clamp(0, CELLS - 1)
            target[b, r] = cells
            for c in cells.tolist():
                img[b, 0, 4 * r:4 * r + 4, 2 * c:2 * c + 2] += 1.0
    return img, target


def train(net, data, epochs, optimizer, tag):
    images, target = data
    for epoch in range(epochs):
        net.train()
        total = 0.0
        batches = torch.randperm(len(images)).split(20)
        for idx in batches:
            loss = F.cross_entropy(net(images[idx]), target[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() / len(batches)
        net.eval()
        with torch.no_grad():
            acc = (net(images).argmax(1) == target).float().mean()
        print(f"{tag} epoch {epoch} loss {total:.4f} cell acc {acc:.4f}")


def load_backbone(net, checkpoint):
    state_all = torch.load(checkpoint)["model"]
    state_clip = {k: v for k, v in state_all.items() if k.startswith("model.")}
    net.load_state_dict(state_clip, strict=False)
    for param in net.parameters():
        param.requires_grad = False


def main():
    source = ParsingNet()
    optimizer = torch.optim.Adam(source.parameters(), lr=2e-3)
    train(source, make_roads(200, slope=0.3, noise=0.2), 6, optimizer, "pretrain")
    checkpoint = io.BytesIO()
    torch.save({"model": source.state_dict()}, checkpoint)
    checkpoint.seek(0)

    net = ParsingNet()
    load_backbone(net, checkpoint)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    train(net, make_roads(100, slope=-0.3, noise=0.3), 15, optimizer, "finetune")


if __name__ == "__main__":
    main()
