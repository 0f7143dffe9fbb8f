"""Vector-quantised autoencoder for short sequences; the codebook follows an EMA of its members."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(26)
CHANNELS, SEQ, CODES, DIM = 4, 16, 24, 8


class EMAQuantizer(nn.Module):
    def __init__(self, n_codes, dim, decay=0.95, beta=0.25, eps=1e-5):
        super().__init__()
        self.decay, self.beta, self.eps = decay, beta, eps
        self.register_buffer("codebook", torch.randn(n_codes, dim))
        self.register_buffer("size", torch.zeros(n_codes))
        self.register_buffer("sums", self.codebook.clone())
        self.register_buffer("ready", torch.tensor(False))

    @torch.no_grad()
    def start(self, flat):
        pick = torch.randperm(len(flat))[:len(self.codebook)]
        self.codebook.copy_(flat[pick])
        self.sums.copy_(flat[pick])
        self.size.fill_(1.0)
        self.ready.fill_(True)

    @torch.no_grad()
    def update(self, flat, index):
        onehot = F.one_hot(index, len(self.codebook)).to(flat.dtype)
        self.size.mul_(self.decay).add_(onehot.sum(0), alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(onehot.t() @ flat, alpha=1 - self.decay)
        n = self.size.sum()
        smoothed = (self.size + self.eps) / (n + len(self.size) * self.eps) * n
        self.codebook.copy_(self.sums / smoothed.unsqueeze(1))
        rare = self.size < 0.05
        if rare.any():
            pick = torch.randint(0, len(flat), (int(rare.sum()),))
            self.codebook[rare] = flat[pick]
            self.sums[rare] = flat[pick]
            self.size[rare] = 1.0

    def forward(self, z):
        flat = z.reshape(-1, z.size(-1))
        if self.training and not self.ready:
            self.start(flat.detach())
        index = torch.cdist(flat.detach(), self.codebook).argmin(-1)
        quant = self.codebook[index].view_as(z)
        commit = self.beta * F.mse_loss(z, quant)
        if self.training:
            self.update(flat.detach(), index)
        return z + (quant - z).detach(), commit, index


class VQModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv1d(CHANNELS, 32, 4, 2, 1), nn.ReLU(), nn.Conv1d(32, DIM, 4, 2, 1))
        self.vq = EMAQuantizer(CODES, DIM)
        self.dec = nn.Sequential(nn.ConvTranspose1d(DIM, 32, 4, 2, 1), nn.ReLU(),
                                 nn.ConvTranspose1d(32, CHANNELS, 4, 2, 1))

    def forward(self, x):
        z = self.enc(x).transpose(1, 2)
        q, commit, index = self.vq(z)
        return self.dec(q.transpose(1, 2)), commit, index


def waves(n):
    t = torch.arange(SEQ) / SEQ
    freq = torch.randint(1, 3, (n, CHANNELS, 1))
    phase = torch.randint(0, 4, (n, CHANNELS, 1)) / 4
    return torch.sin(2 * torch.pi * (freq * t + phase))


model = VQModel()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(500):
    x = waves(64)
    recon, commit, index = model(x)
    rec_loss = F.mse_loss(recon, x)
    optimizer.zero_grad()
    (rec_loss + commit).backward()
    optimizer.step()
    if (step + 1) % 100 == 0:
        print(f"step {step + 1:3d} recon {rec_loss.item():.4f} commit {commit.item():.4f} "
              f"codes in use {index.unique().numel()}")
