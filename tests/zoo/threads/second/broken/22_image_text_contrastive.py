import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(21)


class ModelCLR(nn.Module):
    def __init__(self, vocab=100, text_dim=32, img_dim=48, out_dim=16):
        super().__init__()
        self.text_encoder = nn.EmbeddingBag(vocab, text_dim)
        for p in self.text_encoder.parameters():
            p.requires_grad = False
        self.text_l1 = nn.Linear(text_dim, text_dim)
        self.text_l2 = nn.Linear(text_dim, out_dim)
        self.res_features = nn.Sequential(nn.Linear(img_dim, 64), nn.ReLU())
        self.res_l1 = nn.Linear(64, 64)
        self.res_l2 = nn.Linear(64, out_dim)

    def image_branch(self, xis):
        h = self.res_features(xis)
        return self.res_l2(F.relu(self.res_l1(h)))

    def text_branch(self, ids):
        with torch.no_grad():
            h = self.text_encoder(ids)
            x = F.relu(self.text_l1(h))
            out = self.text_l2(x)
        return out

    def forward(self, xis, ids):
        return self.image_branch(xis), self.text_branch(ids)


def nt_xent(zis, zls, temperature=0.1, alpha=0.75):
    zis, zls = F.normalize(zis, dim=1), F.normalize(zls, dim=1)
    logits = zis @ zls.t() / temperature
    target = torch.arange(zis.size(0))
    return alpha * F.cross_entropy(logits, target) + (1 - alpha) * F.cross_entropy(logits.t(), target)


n = 128
ids = torch.randint(0, 100, (n, 8))
mix = torch.randn(100, 48)
images = mix[ids].mean(dim=1) + 0.05 * torch.randn(n, 48)

model = ModelCLR()
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3, weight_decay=1e-6)

for epoch in range(3):
    model.train()
    for i in range(0, n, 64):
        optimizer.zero_grad()
        zis, zls = model(images[i:i + 64], ids[i:i + 64])
        loss = nt_xent(zis, zls)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
