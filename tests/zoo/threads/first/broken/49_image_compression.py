import torch
import torch.nn as nn
import torch.nn.functional as F


def timed(fn):
    def wrapper(*args, **kwargs):
        out = fn(*args, **kwargs)
        wrapper.calls += 1
        return out
    wrapper.calls = 0
    return wrapper


class Encoder(nn.Module):
    def __init__(self, c=12, latent=3):
        super().__init__()
        self.net = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(1, c, 4, stride=2), nn.GroupNorm(3, c), nn.ReLU(),
            nn.ReflectionPad2d(1), nn.Conv2d(c, 2 * c, 4, stride=2), nn.GroupNorm(3, 2 * c), nn.ReLU(),
            nn.Conv2d(2 * c, latent, 3, padding=1))

    def forward(self, x):
        return self.net(x)


class Quantizer(nn.Module):
    def __init__(self, L=5):
        super().__init__()
        self.half = (L - 1) / 2

    def forward(self, w):
        w = torch.tanh(w) * self.half
        return torch.round(w).detach()


class Decoder(nn.Module):
    def __init__(self, c=12, latent=3):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(latent, 2 * c, 3, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(2 * c, c, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(c, 1, 4, 2, 1), nn.Sigmoid())

    def forward(self, w):
        return self.net(w)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.quantizer, self.decoder = Encoder(), Quantizer(), Decoder()

    def forward(self, x):
        return self.decoder(self.quantizer(self.encoder(x)))


@timed
def train_step(model, opt, x):
    opt.zero_grad()
    loss = F.mse_loss(model(x), x) * 12
    loss.backward()
    opt.step()
    return loss.item()


torch.manual_seed(0)
model = Model()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
images = torch.rand(8, 1, 16, 16)
while train_step.calls < 5:
    print(train_step.calls, f"{train_step(model, opt, images):.5f}")
