"""Self-supervised disparity: warp the right view to the left and minimise the photometric error."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=2e-3)
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--scheduler", default="step", choices=["none", "step"])
parser.add_argument("--step-size", type=int, default=100)
parser.add_argument("--smooth", type=float, default=0.01)
parser.add_argument("--seed", type=int, default=13)

H, W, MAX_DISP = 12, 32, 6.0


class DispNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 32, 5, padding=2)
        self.conv2 = nn.Conv2d(32, 32, (3, 9), padding=(1, 4))
        self.conv3 = nn.Conv2d(32, 32, (3, 9), padding=(1, 4))
        self.disp = nn.Conv2d(32, 1, 3, padding=1)

    def forward(self, left, right):
        x = F.relu(self.conv1(torch.cat([left, right], dim=1)))
        x = F.relu(self.conv2(x))
        x = F.relu(self.conv3(x))
        return MAX_DISP * torch.sigmoid(self.disp(x))


def inverse_warp(img, disp):
    b = img.shape[0]
    ys = torch.linspace(-1, 1, H).view(1, H, 1).expand(b, H, W)
    xs = torch.arange(W).view(1, 1, W).float() - disp.squeeze(1)
    grid = torch.stack([2 * xs / (W - 1) - 1, ys], dim=-1)
    return F.grid_sample(img, grid, padding_mode="border", align_corners=True)


def smooth_loss(disp):
    return (disp[..., 1:] - disp[..., :-1]).abs().mean() + (disp[..., 1:, :] - disp[..., :-1, :]).abs().mean()


def make_pairs(n):
    texture = F.avg_pool2d(torch.randn(n, 1, H, W + 20), (1, 5), stride=1, padding=(0, 2)) * 2
    gt = torch.randint(1, 6, (n,))
    left = torch.stack([texture[i, :, :, 10:10 + W] for i in range(n)])
    right = torch.stack([texture[i, :, :, 10 + d:10 + d + W] for i, d in enumerate(gt.tolist())])
    return left, right, gt.float()


def train(args, loader, net, optimizer, scheduler):
    net.train()
    total = 0.0
    for left, right, _ in loader:
        disp = net(left, right)
        photo = (inverse_warp(right, disp) - left).abs()[..., 6:].mean()
        loss = photo + args.smooth * smooth_loss(disp)

        optimizer.zero_grad()
        loss.backward()
        if scheduler is not None:
            scheduler.step()
        else:
            optimizer.step()
        total += loss.item() / len(loader)
    return total


@torch.no_grad()
def validate(loader, net):
    net.eval()
    err = [(net(left, right).mean((1, 2, 3)) - gt).abs() for left, right, gt in loader]
    return torch.cat(err).mean().item()


def main():
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    train_loader = DataLoader(TensorDataset(*make_pairs(256)), batch_size=args.batch_size, shuffle=True)
    val_loader = DataLoader(TensorDataset(*make_pairs(64)), batch_size=args.batch_size)
    net = DispNet()
    optimizer = torch.optim.Adam(net.parameters(), args.lr, betas=(0.9, 0.999))
    scheduler = StepLR(optimizer, args.step_size, gamma=0.5) if args.scheduler == "step" else None

    for epoch in range(args.epochs):
        loss = train(args, train_loader, net, optimizer, scheduler)
        print(f"epoch {epoch} photometric {loss:.4f} val disparity error {validate(val_loader, net):.4f} "
              f"lr {optimizer.param_groups[0]['lr']:.5f}")


if __name__ == "__main__":
    main()
