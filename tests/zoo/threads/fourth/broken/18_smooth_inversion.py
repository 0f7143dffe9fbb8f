import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(19)


class Denoiser(nn.Module):
    def __init__(self, dim=48):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim + 1, 96), nn.ReLU(), nn.Linear(96, dim))

    def forward(self, x, sigma):
        return self.net(torch.cat([x, torch.full((len(x), 1), sigma)], 1))


class DiffusionRobustModel(nn.Module):
    def __init__(self, denoiser, classifier, sigma):
        super().__init__()
        self.denoiser, self.classifier, self.sigma = denoiser, classifier, sigma

    def denoise(self, x):
        with torch.no_grad():
            out = self.denoiser(x, self.sigma)
        return out

    def forward(self, x):
        noisy = x + self.sigma * torch.randn_like(x)
        return self.classifier(self.denoise(noisy))


def fit(params, closure, steps, lr=3e-3):
    opt = torch.optim.Adam(params, lr)
    for _ in range(steps):
        opt.zero_grad()
        loss = closure()
        loss.backward()
        opt.step()
    return loss.item()


protos = torch.randn(4, 48)


def sample(n=64):
    y = torch.randint(0, 4, (n,))
    return protos[y] + 0.3 * torch.randn(n, 48), y


denoiser = Denoiser()
classifier = nn.Sequential(nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 4))


def denoise_loss():
    x, _ = sample()
    return F.mse_loss(denoiser(x + 0.5 * torch.randn_like(x), 0.5), x)


def cls_loss():
    x, y = sample()
    return F.cross_entropy(classifier(x), y)


print("denoiser %.4f classifier %.4f" % (fit(denoiser.parameters(), denoise_loss, 150),
                                         fit(classifier.parameters(), cls_loss, 80)))

model = DiffusionRobustModel(denoiser, classifier, 0.5).eval()
for p in model.parameters():
    p.requires_grad_(False)

images, _ = sample(16)
target = torch.full((16,), 2)
delta = (0.05 * torch.randn(1, 48)).requires_grad_(True)
optimizer = torch.optim.Adam([delta], lr=0.1)
for it in range(61):
    optimizer.zero_grad()
    logits = model(images + delta)
    adv = F.cross_entropy(logits, target)
    loss = adv + 0.01 * delta.norm()
    loss.backward()
    optimizer.step()
    if it % 15 == 0:
        rate = (logits.argmax(1) == 2).float().mean().item()
        print("iter %d adv loss %.4f |delta| %.3f success %.2f" % (it, adv.item(), delta.norm().item(), rate))
