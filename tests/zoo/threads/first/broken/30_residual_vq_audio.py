import torch
import torch.nn as nn
import torch.nn.functional as F


class EuclideanCodebook(nn.Module):
    def __init__(self, bins, dim, decay=0.9):
        super().__init__()
        self.decay = decay
        self.register_buffer("embed", torch.randn(bins, dim) * 0.5)
        self.register_buffer("cluster_size", torch.ones(bins))

    def forward(self, x):
        idx = torch.cdist(x.detach(), self.embed).argmin(-1)
        if self.training:
            onehot = F.one_hot(idx, self.embed.size(0)).type_as(x)
            self.cluster_size.mul_(self.decay).add_(onehot.sum(0), alpha=1 - self.decay)
            new = onehot.t() @ x.detach() / (onehot.sum(0).unsqueeze(1) + 1e-5)
            used = onehot.sum(0) > 0
            self.embed[used] = self.decay * self.embed[used] + (1 - self.decay) * new[used]
        return F.embedding(idx, self.embed), idx


class VectorQuantization(nn.Module):
    def __init__(self, bins, dim):
        super().__init__()
        self.codebook = EuclideanCodebook(bins, dim)

    def forward(self, x):
        quantize, idx = self.codebook(x)
        quantize = x + (quantize - x).detach()
        commit = F.mse_loss(quantize.detach(), x)
        return quantize, idx, commit


class ResidualVectorQuantization(nn.Module):
    def __init__(self, n_q, bins, dim):
        super().__init__()
        self.layers = nn.ModuleList(VectorQuantization(bins, dim) for _ in range(n_q))

    def forward(self, x):
        out, residual, losses = 0.0, x, []
        for layer in self.layers:
            quantized, _, loss = layer(residual)
            residual = residual - quantized
            out = out + quantized
            losses.append(loss)
        return out, torch.stack(losses)


torch.manual_seed(0)
encoder = nn.Sequential(nn.Conv1d(1, 12, 7, stride=4, padding=3), nn.ELU(), nn.Conv1d(12, 8, 3, padding=1))
decoder = nn.Sequential(nn.Conv1d(8, 12, 3, padding=1), nn.ELU(), nn.ConvTranspose1d(12, 1, 8, stride=4, padding=2))
rvq = ResidualVectorQuantization(n_q=4, bins=16, dim=8)
opt = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=3e-3, betas=(0.5, 0.9))
wav = torch.sin(torch.linspace(0, 60, 256)[None, None] * torch.rand(8, 1, 1)) + 0.1 * torch.randn(8, 1, 256)
for step in range(5):
    z = encoder(wav).transpose(1, 2)
    q, commit = rvq(z.reshape(-1, 8))
    recon = decoder(q.view_as(z).transpose(1, 2))
    loss = F.l1_loss(recon, wav) + commit.sum()
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(step, round(loss.item(), 5), [round(c, 4) for c in commit.tolist()])
