import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(1)


def make_images(n):
    grid = torch.linspace(-1, 1, 12)
    yy, xx = torch.meshgrid(grid, grid, indexing="ij")
    centre = torch.rand(n, 2, 1, 1) * 1.4 - 0.7
    width = 0.15 + 0.2 * torch.rand(n, 1, 1)
    return torch.exp(-((xx - centre[:, 0]) ** 2 + (yy - centre[:, 1]) ** 2) / width ** 2 / 2).unsqueeze(1)


class Encoder(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(32, dim, 1),
        )

    def forward(self, x):
        return self.net(x)


class Decoder(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.net = nn.Sequential(
            nn.ConvTranspose2d(dim, 32, 4, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 1, 3, padding=1),
        )

    def forward(self, q):
        return self.net(q)


class Codebook(nn.Module):
    def __init__(self, size, dim):
        super().__init__()
        self.table = nn.Parameter(torch.randn(size, dim) * 0.3)

    def quantise(self, z):
        flat = z.permute(0, 2, 3, 1)
        dist = torch.cdist(flat.reshape(-1, flat.size(-1)), self.table)
        code = F.one_hot(dist.argmin(dim=1), self.table.size(0)).to(z.dtype)
        q = torch.einsum("nk,kd->nd", code, self.table).view_as(flat).permute(0, 3, 1, 2)
        return q, code.mean(0)


enc, dec, book = Encoder(8), Decoder(8), Codebook(32, 8)
modules = nn.ModuleDict({"enc": enc, "dec": dec, "book": book})
optim = torch.optim.Adam(modules.parameters(), lr=2e-3)

for step in range(180):
    x = make_images(64)
    z = enc(x)
    q, usage = book.quantise(z)
    recon = F.mse_loss(dec(q), x)
    terms = {
        "recon": recon,
        "codebook": F.mse_loss(q, z.detach()),
        "commit": 0.02 * F.mse_loss(z, q.detach()),
    }
    loss = torch.stack(list(terms.values())).sum()
    optim.zero_grad(set_to_none=True)
    loss.backward()
    optim.step()
    if step % 30 == 0:
        perplexity = torch.exp(-(usage * (usage + 1e-9).log()).sum())
        print(step, {k: round(v.item(), 4) for k, v in terms.items()}, "perplexity", round(perplexity.item(), 1))
print("variance of data", make_images(256).var().item(), "recon", recon.item())
