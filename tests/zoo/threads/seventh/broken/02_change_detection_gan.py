import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(11)


def make_pairs(n, size=32):
    before = F.avg_pool2d(torch.randn(n, 3, size, size), 3, 1, 1)
    after = before + 0.05 * torch.randn_like(before)
    mask = torch.zeros(n, 1, size, size)
    for i in range(n):
        r, c = torch.randint(0, size - 12, (2,)).tolist()
        h, w = torch.randint(6, 12, (2,)).tolist()
        mask[i, :, r:r + h, c:c + w] = 1.0
    after = after + mask * torch.randn(n, 3, 1, 1)
    return before, after, mask


def block(cin, cout, stride=1):
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout), nn.LeakyReLU(0.2)
    )


class ChangeGenerator(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.enc1 = block(6, width)
        self.enc2 = block(width, 2 * width, 2)
        self.mid = block(2 * width, 2 * width)
        self.up = nn.ConvTranspose2d(2 * width, width, 2, 2)
        self.out = nn.Conv2d(2 * width, 1, 1)

    def forward(self, a, b):
        e1 = self.enc1(torch.cat([a, b], 1))
        e2 = self.mid(self.enc2(e1))
        return torch.sigmoid(self.out(torch.cat([self.up(e2), e1], 1)))


class MapDiscriminator(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.net = nn.Sequential(
            block(1, width, 2), block(width, 2 * width, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(2 * width, 1),
        )

    def forward(self, m):
        return self.net(m).squeeze(1)


before, after, mask = make_pairs(160)
loader = DataLoader(TensorDataset(before, after, mask), batch_size=16, shuffle=True)

net_g, net_d = ChangeGenerator(), MapDiscriminator()
opt_g = torch.optim.Adam(net_g.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(net_d.parameters(), lr=5e-4, betas=(0.5, 0.999))
W_ADV, W_SEG = 0.1, 1.0
adv_loss = nn.BCEWithLogitsLoss()
seg_loss = nn.BCELoss()

for epoch in range(6):
    net_g.train()
    net_d.train()
    tot_d = tot_g = tot_adv = 0.0
    for a, b, m in loader:
        fake = net_g(a, b)

        # discriminator turn
        opt_d.zero_grad()
        pred_real = net_d(m)
        pred_fake = net_d(fake.detach())
        err_d = 0.5 * (adv_loss(pred_real, torch.ones_like(pred_real))
                       + adv_loss(pred_fake, torch.zeros_like(pred_fake)))
        err_d.backward()
        opt_d.step()

        # generator turn
        opt_g.zero_grad()
        pred_fake = net_d(fake).detach()
        err_g_adv = adv_loss(pred_fake, torch.ones_like(pred_fake))
        err_g_seg = seg_loss(fake, m)
        err_g = W_ADV * err_g_adv + W_SEG * err_g_seg
        err_g.backward()
        opt_g.step()

        tot_d += err_d.item()
        tot_g += err_g_seg.item()
        tot_adv += err_g_adv.item()
    n = len(loader)
    print(f"epoch {epoch}  D {tot_d / n:.3f}  G seg {tot_g / n:.3f}  G adv {tot_adv / n:.3f}")

net_g.eval()
with torch.no_grad():
    pred = net_g(before[:32], after[:32]) > 0.5
    inter = (pred & (mask[:32] > 0.5)).sum().item()
    union = (pred | (mask[:32] > 0.5)).sum().item()
print("IoU", inter / max(union, 1))
