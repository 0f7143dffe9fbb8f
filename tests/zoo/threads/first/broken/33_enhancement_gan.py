import torch
import torch.nn as nn
import torch.nn.functional as F


class PeriodDiscriminator(nn.Module):
    def __init__(self, periods=(2, 3, 5)):
        super().__init__()
        self.periods = periods
        self.nets = nn.ModuleList(nn.Sequential(
            nn.Conv2d(1, 8, (5, 1), stride=(3, 1), padding=(2, 0)), nn.LeakyReLU(0.1),
            nn.Conv2d(8, 1, (3, 1), padding=(1, 0))) for _ in periods)

    def forward(self, x):
        outs = []
        for p, net in zip(self.periods, self.nets):
            y = F.pad(x, (0, (-x.size(-1)) % p))
            outs.append(net(y.view(x.size(0), 1, -1, p)))
        return outs


class ResolutionDiscriminator(nn.Module):
    def __init__(self, ffts=(32, 64)):
        super().__init__()
        self.ffts = ffts
        self.nets = nn.ModuleList(nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(8, 1, 3, padding=1)) for _ in ffts)

    def forward(self, x):
        specs = [torch.stft(x, n, n // 4, window=torch.hann_window(n), return_complex=True).abs() for n in self.ffts]
        return [net(s.unsqueeze(1)) for net, s in zip(self.nets, specs)]


class UniverseGAN:
    def __init__(self):
        self.gen = nn.Sequential(nn.Conv1d(1, 16, 9, padding=4), nn.PReLU(), nn.Conv1d(16, 1, 9, padding=4))
        self.loss_mrd, self.loss_mpd = ResolutionDiscriminator(), PeriodDiscriminator()
        self.optimizers = self.configure_optimizers()

    def configure_optimizers(self):
        opt_g = torch.optim.AdamW(self.gen.parameters(), lr=1e-3)
        params_disc = list(self.loss_mrd.parameters()) + list(self.loss_mrd.parameters())
        params_disc = list(dict.fromkeys(params_disc))
        return opt_g, torch.optim.AdamW(params_disc, lr=1e-3)

    def training_step(self, noisy, clean):
        opt_g, opt_d = self.optimizers
        est = self.gen(noisy.unsqueeze(1)).squeeze(1)
        d_loss = 0.0
        for d in (self.loss_mrd, self.loss_mpd):
            for r, f in zip(d(clean), d(est.detach())):
                d_loss = d_loss + ((r - 1) ** 2).mean() + (f ** 2).mean()
        opt_d.zero_grad()
        d_loss.backward()
        opt_d.step()
        adv = sum(((f - 1) ** 2).mean() for d in (self.loss_mrd, self.loss_mpd) for f in d(est))
        g_loss = F.l1_loss(est, clean) * 10 + adv
        opt_g.zero_grad()
        g_loss.backward()
        opt_g.step()
        return g_loss.item(), d_loss.item()


torch.manual_seed(0)
model = UniverseGAN()
clean = torch.sin(torch.arange(256) * torch.rand(4, 1) * 0.5)
for it in range(4):
    g, d = model.training_step(clean + 0.3 * torch.randn_like(clean), clean)
    print("it", it, "g", round(g, 4), "d", round(d, 4))
