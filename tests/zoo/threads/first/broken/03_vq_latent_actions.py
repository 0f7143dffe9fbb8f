import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class VectorQuantizer(nn.Module):
    def __init__(self, n_codes, dim):
        super().__init__()
        self.codebook = nn.Embedding(n_codes, dim)
        nn.init.uniform_(self.codebook.weight, -1.0 / n_codes, 1.0 / n_codes)

    def forward(self, x):
        dist = torch.cdist(x, self.codebook.weight)
        indices = dist.argmin(dim=-1)
        z = self.codebook(indices)
        z_q = x + (z - x).detach()
        return z_q, z, indices


class LatentActionModel(nn.Module):
    def __init__(self, frame_dim=20, dim=8, n_codes=16, beta=0.25):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(2 * frame_dim, 64), nn.GELU(), nn.Linear(64, dim))
        self.vq = VectorQuantizer(n_codes, dim)
        self.decoder = nn.Sequential(nn.Linear(frame_dim + dim, 64), nn.GELU(), nn.Linear(64, frame_dim))
        self.beta = beta

    def encode(self, prev, nxt):
        z_e = self.encoder(torch.cat([prev, nxt], dim=-1))
        z_q, _, idx = self.vq(z_e)
        return z_e, z_q, idx

    def forward(self, prev, nxt):
        z_e, z_q, idx = self.encode(prev, nxt)
        recon = self.decoder(torch.cat([prev, z_q], dim=-1))
        recon_loss = F.mse_loss(recon, nxt)
        codebook_loss = F.mse_loss(z_q, z_e.detach())
        commit_loss = F.mse_loss(z_e, z_q.detach())
        loss = recon_loss + codebook_loss + self.beta * commit_loss
        return loss, {"recon": recon_loss, "code": codebook_loss, "commit": commit_loss}


frames = torch.randn(64, 20).cumsum(0) * 0.2
model = LatentActionModel()
opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)
for step in range(6):
    loss, parts = model(frames[:-1], frames[1:])
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    print(step, " ".join(f"{k}={v.item():.4f}" for k, v in parts.items()))
