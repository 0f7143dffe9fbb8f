# generative image compression: encoder -> soft-to-hard quantiser over centers -> decoder
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(24)


class Encoder(nn.Module):
    def __init__(self, c=4):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 12, 3, stride=2, padding=1), nn.ReLU(),
                                 nn.Conv2d(12, c, 3, stride=2, padding=1))

    def forward(self, x):
        return self.net(x)


class Quantizer(nn.Module):
    def __init__(self, centers=(-2., -1., 0., 1., 2.), temperature=1.0):
        super().__init__()
        self.register_buffer("centers", torch.tensor(centers))
        self.t = temperature

    def forward(self, w):
        dist = (w.unsqueeze(-1) - self.centers) ** 2
        w_soft = (F.softmax(-dist / self.t, -1) * self.centers).sum(-1)
        w_hard = self.centers[dist.argmin(-1)]
        w_bar = torch.round((w_hard - w_soft).detach() + w_soft)
        return w_bar


class Decoder(nn.Module):
    def __init__(self, c=4):
        super().__init__()
        self.net = nn.Sequential(nn.ConvTranspose2d(c, 12, 2, stride=2), nn.ReLU(),
                                 nn.ConvTranspose2d(12, 1, 2, stride=2))

    def forward(self, z):
        return self.net(z)


class Compressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.quantizer, self.decoder = Encoder(), Quantizer(), Decoder()

    def forward(self, x):
        z = self.encoder(x)
        q = self.quantizer(z)
        return self.decoder(q), q


def images(b=8, s=16):
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, s), torch.linspace(-1, 1, s), indexing="ij")
    a = torch.randn(b, 3, 1, 1)
    return (a[:, 0] * yy + a[:, 1] * xx + a[:, 2] * yy * xx).unsqueeze(1)


def bits(q):
    p = torch.stack([(q == c).float().mean() for c in (-2., -1., 0., 1., 2.)])
    return -(p * (p + 1e-9).log2()).sum().item()


def run(steps=40):
    model = Compressor()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for i in range(steps):
        x = images()
        rec, q = model(x)
        loss = F.mse_loss(rec, x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if i % 10 == 0:
            print(f"{i:03d} distortion {loss.item():.4f} bits/symbol {bits(q):.3f}")
    return model


run()
