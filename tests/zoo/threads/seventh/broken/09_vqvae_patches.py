import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(9)


class VectorQuantizer(nn.Module):
    def __init__(self, n_e, e_dim, beta):
        super().__init__()
        self.n_e, self.e_dim, self.beta = n_e, e_dim, beta
        self.embedding = nn.Embedding(n_e, e_dim)
        self.embedding.weight.data.uniform_(-1.0 / n_e, 1.0 / n_e)

    def forward(self, z):
        z = z.permute(0, 2, 3, 1).contiguous()
        flat = z.view(-1, self.e_dim)
        d = (flat ** 2).sum(1, keepdim=True) + (self.embedding.weight ** 2).sum(1) \
            - 2 * flat @ self.embedding.weight.t()
        idx = d.argmin(1)
        one_hot = F.one_hot(idx, self.n_e).type_as(flat)
        z_q = (one_hot @ self.embedding.weight).view(z.shape)

        codebook_loss = torch.mean((z_q.detach() - z) ** 2)
        commitment_loss = torch.mean((z_q - z.detach()) ** 2)
        loss = codebook_loss + self.beta * commitment_loss

        z_q = z + (z_q - z).detach()
        usage = one_hot.mean(0)
        perplexity = torch.exp(-(usage * torch.log(usage + 1e-10)).sum())
        return loss, z_q.permute(0, 3, 1, 2).contiguous(), perplexity


class ResidualLayer(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.body = nn.Sequential(nn.ReLU(), nn.Conv2d(dim, dim, 3, 1, 1, bias=False), nn.ReLU(), nn.Conv2d(dim, dim, 1, bias=False))

    def forward(self, x):
        return x + self.body(x)


class VQVAE(nn.Module):
    def __init__(self, hidden=32, n_e=64, e_dim=16, beta=0.25):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, hidden // 2, 4, 2, 1), nn.ReLU(), nn.Conv2d(hidden // 2, hidden, 4, 2, 1),
            ResidualLayer(hidden), nn.Conv2d(hidden, e_dim, 1),
        )
        self.quantizer = VectorQuantizer(n_e, e_dim, beta)
        self.decoder = nn.Sequential(
            nn.Conv2d(e_dim, hidden, 3, 1, 1), ResidualLayer(hidden), nn.ReLU(),
            nn.ConvTranspose2d(hidden, hidden // 2, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(hidden // 2, 3, 4, 2, 1),
        )

    def forward(self, x):
        loss, z_q, perplexity = self.quantizer(self.encoder(x))
        return loss, self.decoder(z_q), perplexity


def sample_images(n, size=24):
    grid = torch.linspace(-1, 1, size)
    yy, xx = torch.meshgrid(grid, grid, indexing="ij")
    angle = torch.randint(0, 6, (n, 1, 1)) * 0.52
    freq = torch.randint(2, 5, (n, 1, 1)).float()
    wave = torch.sin(3 * freq * (xx * torch.cos(angle) + yy * torch.sin(angle)))
    tint = torch.eye(3)[torch.randint(0, 3, (n,))].view(n, 3, 1, 1) + 0.2
    return wave.unsqueeze(1) * tint


train = sample_images(256)
x_var = train.var().item()
model = VQVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, amsgrad=True)

log = {"recon": [], "emb": [], "ppl": []}
for step in range(1, 121):
    x = train[torch.randint(0, len(train), (32,))]
    optimizer.zero_grad()
    emb_loss, x_hat, perplexity = model(x)
    recon = F.mse_loss(x_hat, x) / x_var
    loss = recon + emb_loss
    loss.backward()
    optimizer.step()
    log["recon"].append(recon.item())
    log["emb"].append(emb_loss.item())
    log["ppl"].append(perplexity.item())
    if step % 20 == 0:
        print(f"update {step:3d}  " + "  ".join(f"{k} {sum(v[-20:]) / 20:.4f}" for k, v in log.items()))
