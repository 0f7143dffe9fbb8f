import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(14)


class SoftPool(nn.Module):
    def __init__(self, regions=4, keep=8):
        super().__init__()
        self.regions = regions
        self.keep = keep

    def forward(self, x):
        bth, feat, pnts = x.shape
        conv2d_1 = nn.Conv2d(feat, feat, kernel_size=(1, 3))
        conv2d_2 = nn.Conv2d(feat, feat, kernel_size=(self.regions, 1))
        sp_cube = []
        for r in range(self.regions):
            _, order = torch.sort(x[:, r], dim=1, descending=True)
            idx = order[:, :self.keep].unsqueeze(1).expand(-1, feat, -1)
            sp_cube.append(torch.gather(x, 2, idx))
        cube = torch.stack(sp_cube, dim=2)
        cube = F.relu(conv2d_1(cube))
        return conv2d_2(cube).squeeze(2)


class PointEncoder(nn.Module):
    def __init__(self, n_classes=3, feat=16):
        super().__init__()
        self.mlp = nn.Sequential(nn.Conv1d(3, 32, 1), nn.ReLU(), nn.Conv1d(32, feat, 1))
        self.softpool = SoftPool()
        self.fc = nn.Linear(feat, n_classes)

    def forward(self, pts):
        x = self.mlp(pts)
        x = self.softpool(x)
        return self.fc(x.mean(dim=2))


labels = torch.randint(0, 3, (48,))
points = torch.randn(48, 3, 64)
points = points * (1.0 + labels.float()).view(-1, 1, 1)

model = PointEncoder()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(6):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(points), labels)
    loss.backward()
    optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
