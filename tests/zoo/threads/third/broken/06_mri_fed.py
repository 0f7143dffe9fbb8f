"""Cross-site MRI reconstruction. Each site aligns its latent with the target site through a discriminator."""
import torch
import torch.nn as nn

torch.manual_seed(3)


class Recon(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
        self.align = nn.Conv2d(8, 8, 1)
        self.dec = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))

    def forward(self, x):
        z = self.enc(x)
        return x + self.dec(z), self.align(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(8, 8, 3, stride=2), nn.LeakyReLU(0.2), nn.AdaptiveAvgPool2d(1),
                                 nn.Flatten(), nn.Linear(8, 1))

    def forward(self, z):
        return self.net(z)


class LocalUpdate:
    def __init__(self, lam=0.3):
        self.lam = lam
        self.l1 = nn.L1Loss()
        self.bce = nn.BCEWithLogitsLoss()
        self.log = {"recon": [], "adv": [], "d": []}

    def train(self, net, disc, opt_g, opt_d, source, target):
        for (xs, ys), (xt, _) in zip(source, target):
            # --- reconstruction network
            rec, lat_s = net(xs)
            loss_recon = self.l1(rec, ys)
            loss_adv_g = self.bce(disc(lat_s), torch.ones(xs.size(0), 1))
            loss_adv_g = loss_adv_g.detach().item()
            loss = loss_recon + self.lam * loss_adv_g
            opt_g.zero_grad()
            loss.backward()
            opt_g.step()
            # --- site discriminator
            with torch.no_grad():
                _, lat_s = net(xs)
                _, lat_t = net(xt)
            d_s, d_t = disc(lat_s), disc(lat_t)
            loss_d = self.bce(d_s, torch.zeros_like(d_s)) + self.bce(d_t, torch.ones_like(d_t))
            opt_d.zero_grad()
            loss_d.backward()
            opt_d.step()
            self.log["recon"].append(loss_recon.item())
            self.log["adv"].append(loss_adv_g if isinstance(loss_adv_g, float) else loss_adv_g.item())
            self.log["d"].append(loss_d.item())


def site(shift, n=6):
    out = []
    for _ in range(n):
        y = torch.rand(4, 1, 12, 12) + shift
        out.append((y + 0.3 * torch.randn_like(y), y))
    return out


net, disc = Recon(), Discriminator()
opt_g = torch.optim.Adam(net.parameters(), lr=2e-3)
opt_d = torch.optim.Adam(disc.parameters(), lr=2e-3)
client = LocalUpdate()
for rnd in range(3):
    client.train(net, disc, opt_g, opt_d, site(0.0), site(0.5))
    print("round", rnd, {k: round(sum(v[-6:]) / 6, 4) for k, v in client.log.items()})
