import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser(description='single view depth')
parser.add_argument('--epochs', default=6, type=int)
parser.add_argument('--lr', default=2e-3, type=float)
parser.add_argument('--scheduler', default='step', choices=['none', 'step'])
parser.add_argument('-s', '--smooth-loss-weight', default=0.1, type=float)
parser.add_argument('--seed', default=0, type=int)


class DispNet(nn.Module):
    def __init__(self, alpha=10, beta=0.01):
        super().__init__()
        self.alpha, self.beta = alpha, beta
        self.conv1 = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.up = nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1)
        self.predict = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.relu(self.up(x))
        return self.alpha * torch.sigmoid(self.predict(x)) + self.beta


def smooth_loss(disp):
    dx = (disp[..., 1:] - disp[..., :-1]).abs().mean()
    dy = (disp[..., 1:, :] - disp[..., :-1, :]).abs().mean()
    return dx + dy


def train(args, loader, net, optimizer, scheduler):
    net.train()
    total = 0.0
    for img, depth in loader:
        disp = net(img)
        loss_1 = (1 / disp - depth).abs().mean()
        loss = loss_1 + args.smooth_loss_weight * smooth_loss(disp)
        total += loss.item()
        optimizer.zero_grad()
        loss.backward()
        if scheduler:
            scheduler.step()
        else:
            optimizer.step()
    return total / len(loader)


def main():
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    imgs = torch.rand(64, 3, 16, 16)
    depths = 0.3 + 1.5 * imgs.mean(1, keepdim=True)
    loader = [(imgs[i:i + 8], depths[i:i + 8]) for i in range(0, 64, 8)]
    net = DispNet()
    optimizer = torch.optim.Adam(net.parameters(), args.lr, betas=(0.9, 0.999))
    scheduler = None
    if args.scheduler == 'step':
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=40, gamma=0.5)
    for epoch in range(args.epochs):
        loss = train(args, loader, net, optimizer, scheduler)
        print(' * Epoch {} avg loss {:.4f} lr {:.2e}'.format(epoch, loss, optimizer.param_groups[0]['lr']))


main()
