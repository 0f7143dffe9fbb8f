import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(8)


class Quantize(nn.Module):
    def __init__(self, embed_dim, n_embed):
        super().__init__()
        self.embedding = nn.Embedding(n_embed, embed_dim)
        nn.init.uniform_(self.embedding.weight, -0.5, 0.5)

    def get_item_embeddings(self, item_ids):
        return self.embedding(item_ids)

    def forward(self, x):
        codebook = self.embedding.weight
        dist = (x ** 2).sum(1, keepdim=True) + (codebook.T ** 2).sum(0, keepdim=True) - 2 * x @ codebook.T
        ids = dist.detach().min(1).indices
        emb = self.get_item_embeddings(ids)
        emb = x + (emb - x).detach()
        return emb, ids


class RqVaeLoss(nn.Module):
    def __init__(self, commitment_weight=0.25):
        super().__init__()
        self.commitment_weight = commitment_weight

    def forward(self, residuals, codebook_embs):
        emb_loss = ((residuals.detach() - codebook_embs) ** 2).sum(dim=[1, 2])
        query_loss = ((residuals - codebook_embs.detach()) ** 2).sum(dim=[1, 2])
        return (emb_loss + self.commitment_weight * query_loss).mean()


class RqVae(nn.Module):
    def __init__(self, input_dim=24, embed_dim=8, codebook_size=16, n_layers=3):
        super().__init__()
        self.layers = nn.ModuleList([Quantize(embed_dim, codebook_size) for _ in range(n_layers)])
        self.encoder = nn.Sequential(nn.Linear(input_dim, 32), nn.SiLU(), nn.Linear(32, embed_dim))
        self.decoder = nn.Sequential(nn.Linear(embed_dim, 32), nn.SiLU(), nn.Linear(32, input_dim))
        self.rqvae_loss = RqVaeLoss()

    def get_semantic_ids(self, x):
        res = self.encoder(x)
        embs, residuals, sem_ids = [], [], []
        for layer in self.layers:
            residuals.append(res)
            emb, idx = layer(res)
            res = res - emb
            sem_ids.append(idx)
            embs.append(emb)
        return torch.stack(embs, -1), torch.stack(residuals, -1), torch.stack(sem_ids, -1)

    def forward(self, x):
        embs, residuals, sem_ids = self.get_semantic_ids(x)
        x_hat = F.normalize(self.decoder(embs.sum(-1)), dim=-1)
        reconstruction = ((x_hat - x) ** 2).sum(-1).mean()
        rqvae = self.rqvae_loss(residuals, embs)
        p_unique = len(sem_ids.unique(dim=0)) / len(sem_ids)
        return reconstruction + rqvae, reconstruction, rqvae, p_unique


items = F.normalize(torch.randn(12, 24)[torch.randint(0, 12, (512,))] + 0.3 * torch.randn(512, 24), dim=-1)
model = RqVae()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)
for it in range(201):
    batch = items[torch.randint(0, 512, (64,))]
    optimizer.zero_grad()
    loss, rec, rq, uniq = model(batch)
    loss.backward()
    optimizer.step()
    if it % 40 == 0:
        print("iter %d loss %.4f recon %.4f rqvae %.4f unique ids %.3f" % (it, loss.item(), rec.item(), rq.item(), uniq))
