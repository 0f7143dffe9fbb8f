"""BYOL-style self-supervision on synthetic textures: EMA target branch and stop-gradient."""
import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(2)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.proj = nn.Sequential(nn.Linear(32, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 16))

    def forward(self, x):
        return self.proj(self.conv(x).flatten(1))


class BYOL(nn.Module):
    def __init__(self, decay=0.98):
        super().__init__()
        self.online = Encoder()
        self.predictor = nn.Sequential(nn.Linear(16, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 16))
        self.target = copy.deepcopy(self.online)
        self.target.requires_grad_(False)
        self.decay = decay

    def forward(self, a, b):
        pa, pb = self.predictor(self.online(a)), self.predictor(self.online(b))
        with torch.no_grad():
            ta, tb = self.target(a), self.target(b)
        sim = F.cosine_similarity(pa, tb) + F.cosine_similarity(pb, ta)
        return 2 - sim.mean()

    @torch.no_grad()
    def update_target(self):
        for t, o in zip(self.target.parameters(), self.online.parameters()):
            t.mul_(self.decay).add_(o, alpha=1 - self.decay)
        for t, o in zip(self.target.buffers(), self.online.buffers()):
            t.copy_(o)


def textures(n):
    label = torch.randint(0, 4, (n,))
    freq = torch.tensor([0.8, 1.0, 1.2, 1.4])[label][:, None, None, None]
    x = torch.arange(12).float()
    phase = 6.28 * torch.rand(n, 1, 1, 1)
    return torch.sin(freq * (x[None, None, None, :] + 0.5 * x[None, None, :, None]) + phase), label


def augment(x):
    x = x + 0.5 * torch.randn_like(x)
    if torch.rand(()) < 0.5:
        x = x.flip(-1)
    return x * (0.8 + 0.4 * torch.rand(len(x), 1, 1, 1))


@torch.no_grad()
def spread(model):
    return F.normalize(model.online(textures(128)[0]), dim=1).std(0).mean().item()


def linear_probe(encoder, n=512):
    encoder.eval()
    with torch.no_grad():
        x, y = textures(n)
        feats = encoder.conv(x).flatten(1)
    encoder.train()
    feats = (feats - feats.mean(0)) / (feats.std(0) + 1e-5)
    probe = nn.Linear(32, 4)
    opt = torch.optim.Adam(probe.parameters(), lr=0.05)
    for _ in range(50):
        loss = F.cross_entropy(probe(feats[:256]), y[:256])
        opt.zero_grad()
        loss.backward()
        opt.step()
    return (probe(feats[256:]).argmax(1) == y[256:]).float().mean().item()


def main():
    model = BYOL()
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(params, lr=2e-3, weight_decay=1e-4)
    for step in range(121):
        x, _ = textures(64)
        loss = model(augment(x), augment(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.update_target()
        if step % 40 == 0:
            print(f"step {step} loss {loss.item():.4f} spread {spread(model):.4f} "
                  f"probe accuracy {linear_probe(model.online):.3f}")


if __name__ == "__main__":
    main()
