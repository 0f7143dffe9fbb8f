import torch
import torch.nn as nn
import torch.nn.functional as F

EPS = 1e-6


class VNLinear(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.map_to_feat = nn.Linear(i, o, bias=False)

    def forward(self, x):
        return self.map_to_feat(x.transpose(1, -1)).transpose(1, -1)


class VNBatchNorm(nn.Module):
    def __init__(self, num_features):
        super().__init__()
        self.bn = nn.BatchNorm1d(num_features)

    def forward(self, x):
        norm = torch.sqrt((x * x).sum(2))
        norm_bn = self.bn(norm)
        return x / (norm.unsqueeze(2) + EPS) * norm_bn.unsqueeze(2)


class VNLeakyReLU(nn.Module):
    def __init__(self, c, slope=0.2):
        super().__init__()
        self.map_to_dir = nn.Linear(c, c, bias=False)
        self.slope = slope

    def forward(self, x):
        d = self.map_to_dir(x.transpose(1, -1)).transpose(1, -1)
        dot = (x * d).sum(2, keepdim=True)
        mask = (dot >= 0).float()
        proj = x - dot / ((d * d).sum(2, keepdim=True) + EPS) * d
        return self.slope * x + (1 - self.slope) * (mask * x + (1 - mask) * proj)


class VNPointNet(nn.Module):
    def __init__(self, c=12, n_class=4):
        super().__init__()
        self.conv1, self.bn1, self.act1 = VNLinear(1, c), VNBatchNorm(c), VNLeakyReLU(c)
        self.conv2 = VNLinear(c, c)
        self.fc = nn.Sequential(nn.Linear(c, 32), nn.ReLU(), nn.Linear(32, n_class))

    def forward(self, pts):
        x = pts.transpose(1, 2).unsqueeze(1)
        x = self.act1(self.bn1(self.conv1(x)))
        x = self.conv2(x).mean(-1)
        return self.fc((x * x).sum(-1))


def collate(clouds, n_max=40):
    return torch.stack([F.pad(c, (0, 0, 0, n_max - len(c))) for c in clouds])


torch.manual_seed(0)
clouds = [torch.randn(n, 3) * (1 + k) for k, n in zip([0, 1, 2, 3] * 3, torch.randint(25, 41, (12,)).tolist())]
pts, label = collate(clouds), torch.tensor([0, 1, 2, 3] * 3)
model = VNPointNet()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(4):
    loss = F.cross_entropy(model(pts), label)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(f"epoch {epoch} loss {loss.item()}")
