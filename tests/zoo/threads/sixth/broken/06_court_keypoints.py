"""Court keypoint detector: encoder-decoder that regresses one heatmap per keypoint."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(5)
SIZE, N_POINTS = 24, 4


class ConvBlock(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(cout))

    def forward(self, x):
        return self.block(x)


class TrackNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1 = ConvBlock(1, 16)
        self.down2 = ConvBlock(16, 32)
        self.mid = ConvBlock(32, 32)
        self.up = ConvBlock(32 + 16, 16)
        self.out = nn.Conv2d(16, N_POINTS, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.mid(self.down2(F.max_pool2d(a, 2)))
        b = F.interpolate(b, scale_factor=2, mode="nearest")
        return self.out(self.up(torch.cat([a, b], dim=1)))


def gaussian_map(cx, cy, sigma=1.5):
    grid = torch.arange(SIZE).float()
    gx = torch.exp(-(grid[None, :] - cx[:, None]) ** 2 / (2 * sigma ** 2))
    gy = torch.exp(-(grid[None, :] - cy[:, None]) ** 2 / (2 * sigma ** 2))
    return gy[:, :, None] * gx[:, None, :]


def make_courts(n):
    """A rectangle outline per image; its corners are the keypoints."""
    img = 0.15 * torch.randn(n, 1, SIZE, SIZE)
    x0, y0 = torch.randint(2, 9, (2, n))
    x1, y1 = torch.randint(14, 22, (2, n))
    for i in range(n):
        img[i, 0, y0[i]:y1[i] + 1, [x0[i], x1[i]]] += 1.0
        img[i, 0, [y0[i], y1[i]], x0[i]:x1[i] + 1] += 1.0
    corners = [(x0, y0), (x1, y0), (x0, y1), (x1, y1)]
    maps = torch.stack([gaussian_map(x.float(), y.float()) for x, y in corners], dim=1)
    points = torch.stack([torch.stack(c, dim=1) for c in corners], dim=1)
    return img, maps, points


class Trainer:
    def __init__(self, model, loader, lr=1e-2):
        self.model = model
        self.loader = loader
        self.criterion = nn.MSELoss()
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr, betas=(0.9, 0.999))

    def train(self):
        self.model.train()
        losses = []
        for images, maps in self.loader:
            out = self.model(images)
            loss = self.criterion(torch.sigmoid(out), maps)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return sum(losses) / len(losses)


@torch.no_grad()
def mean_distance(model, images, points):
    model.eval()
    flat = model(images).flatten(2).argmax(-1)
    pred = torch.stack([flat % SIZE, flat // SIZE], dim=-1)
    return (pred - points).float().norm(dim=-1).mean().item()


def main():
    images, maps, points = make_courts(256)
    val_images, _, val_points = make_courts(64)
    model = TrackNet()
    loader = DataLoader(TensorDataset(images, maps), batch_size=32, shuffle=True)
    trainer = Trainer(model, loader)
    for epoch in range(15):
        loss = trainer.train()
        print(f"epoch {epoch:2d} train loss {loss:.5f} val distance {mean_distance(model, val_images, val_points):.3f}")


if __name__ == "__main__":
    main()
