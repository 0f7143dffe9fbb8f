import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(7)


class VectorQuantize(nn.Module):
    def __init__(self, dim, n, decay=0.9, eps=1e-5, commitment=0.25):
        super().__init__()
        self.decay, self.eps, self.commitment = decay, eps, commitment
        embed = torch.randn(n, dim)
        self.register_buffer('embed', embed)
        self.register_buffer('cluster_size', torch.ones(n))
        self.register_buffer('embed_avg', embed.clone())

    def forward(self, x):
        dist = torch.cdist(x.detach(), self.embed)
        ind = dist.argmin(1)
        quantize = F.embedding(ind, self.embed)
        if self.training:
            onehot = F.one_hot(ind, len(self.embed)).type(x.dtype)
            self.cluster_size.mul_(self.decay).add_(onehot.sum(0), alpha=1 - self.decay)
            self.embed_avg.mul_(self.decay).add_(onehot.t() @ x.detach(), alpha=1 - self.decay)
            size = (self.cluster_size + self.eps) / (self.cluster_size.sum() + len(self.embed) * self.eps) \
                * self.cluster_size.sum()
            self.embed.data.copy_(self.embed_avg / size.unsqueeze(1))
        loss = self.commitment * F.mse_loss(quantize.detach(), x)
        return x + (quantize - x).detach(), ind, loss


class VQVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 6))
        self.vq = VectorQuantize(6, 24)
        self.dec = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 16))

    def forward(self, x):
        q, ind, loss = self.vq(self.enc(x))
        return self.dec(q), ind, loss


centers = torch.randn(10, 16)
model = VQVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for it in range(301):
    x = centers[torch.randint(0, 10, (64,))] + 0.1 * torch.randn(64, 16)
    out, ind, commit = model(x)
    rec = F.mse_loss(out, x)
    optimizer.zero_grad()
    (rec + commit).backward()
    optimizer.step()
    if it % 60 == 0:
        print("it %d rec %.4f commit %.4f codes used %d" % (it, rec.item(), commit.item(), len(ind.unique())))
