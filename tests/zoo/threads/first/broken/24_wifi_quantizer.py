import torch
import torch.nn as nn
import torch.nn.functional as F


class VectorQuantizer(nn.Module):
    def __init__(self, num_embeddings=32, embedding_dim=6, commitment_cost=0.0):
        super().__init__()
        self._embedding = nn.Embedding(num_embeddings, embedding_dim)
        self._embedding.weight.data.uniform_(-1 / num_embeddings, 1 / num_embeddings)
        self._commitment_cost = commitment_cost

    def forward(self, inputs):
        d = (inputs.pow(2).sum(1, keepdim=True) + self._embedding.weight.pow(2).sum(1)
             - 2 * inputs @ self._embedding.weight.t())
        encodings = F.one_hot(d.argmin(1), self._embedding.num_embeddings).float()
        quantized = encodings @ self._embedding.weight
        e_latent_loss = F.mse_loss(quantized.detach(), inputs)
        q_latent_loss = F.mse_loss(quantized, inputs.detach())
        loss = q_latent_loss + self._commitment_cost * e_latent_loss
        quantized = inputs + (quantized - inputs)
        avg = encodings.mean(0)
        perplexity = torch.exp(-(avg * torch.log(avg + 1e-10)).sum())
        return loss, quantized, perplexity


class EfficientFi(nn.Module):
    def __init__(self, n_sub=30, n_class=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(n_sub, 40), nn.ReLU(), nn.Linear(40, 6))
        self.vq = VectorQuantizer()
        self.decoder = nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Linear(40, n_sub))
        self.classifier = nn.Linear(6, n_class)

    def forward(self, csi):
        z = self.encoder(csi)
        vq_loss, q, perplexity = self.vq(z)
        return vq_loss, self.decoder(q), self.classifier(q), perplexity


torch.manual_seed(6)
csi, activity = torch.randn(96, 30), torch.randint(0, 4, (96,))
model = EfficientFi()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, amsgrad=False)
for i in range(5):
    optimizer.zero_grad()
    vq_loss, recon, logits, perplexity = model(csi)
    recon_error = F.mse_loss(recon, csi) / csi.var()
    loss = recon_error + vq_loss + F.cross_entropy(logits, activity)
    loss.backward()
    optimizer.step()
    print(f"{i} recon {recon_error.item():.4f} vq {vq_loss.item():.5f} perplexity {perplexity.item():.2f}")
