import torch
import torch.nn as nn
import torch.nn.functional as F


class RecordingProbe:
    def __init__(self):
        self.features = []

    def __call__(self, module, inp, out):
        self.features.append(out.detach())

    def clean(self):
        self.features = []


class PerceptualLoss(nn.Module):
    def __init__(self, layers=(1, 3, 5)):
        super().__init__()
        self.vgg = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 16, 3, stride=2, padding=1), nn.ReLU())
        self.vgg.eval().requires_grad_(False)
        self.probe = RecordingProbe()
        for i in layers:
            self.vgg[i].register_forward_hook(self.probe)

    def record(self, x):
        self.probe.clean()
        self.vgg(x)
        return list(self.probe.features)

    def forward(self, rec, inp):
        fake, real = self.record(rec), self.record(inp)
        return sum(F.mse_loss(f, r) for f, r in zip(fake, real))


class Tokenizer(nn.Module):
    def __init__(self, d=12):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(3, d, 4, stride=4), nn.SiLU(), nn.Conv2d(d, 4, 1))
        self.dec = nn.Sequential(nn.Conv2d(4, d, 1), nn.SiLU(), nn.ConvTranspose2d(d, 3, 4, stride=4))

    def forward(self, x):
        return self.dec(self.enc(x))


torch.manual_seed(2)
tokenizer, perceptual = Tokenizer(), PerceptualLoss()
optimizer = torch.optim.AdamW(tokenizer.parameters(), lr=2e-3)
video = torch.rand(8, 3, 16, 16)
for step in range(5):
    rec = tokenizer(video)
    rec_loss = F.mse_loss(rec, video)
    perc_loss = perceptual(rec, video)
    loss = rec_loss + 0.5 * perc_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{step} rec {rec_loss.item():.4f} perc {perc_loss.item():.4f}")
