import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(18)


class Dice(nn.Module):
    """Data adaptive activation function of DIN."""

    def __init__(self, emb_size, epsilon=1e-8):
        super().__init__()
        self.bn = nn.BatchNorm1d(emb_size, eps=epsilon)
        self.alpha = torch.zeros((emb_size,))

    def forward(self, x):
        x_p = torch.sigmoid(self.bn(x))
        return self.alpha * (1 - x_p) * x + x_p * x


class DIN(nn.Module):
    def __init__(self, n_items=100, dim=8):
        super().__init__()
        self.item = nn.Embedding(n_items, dim)
        self.att = nn.Linear(dim * 3, 1)
        self.fc1 = nn.Linear(dim * 2, 32)
        self.act1 = Dice(32)
        self.fc2 = nn.Linear(32, 16)
        self.act2 = Dice(16)
        self.out = nn.Linear(16, 1)

    def forward(self, hist, cand):
        h, c = self.item(hist), self.item(cand).unsqueeze(1)
        c = c.expand_as(h)
        w = torch.sigmoid(self.att(torch.cat([h, c, h * c], dim=-1)))
        user = (w * h).sum(dim=1)
        x = torch.cat([user, c[:, 0]], dim=1)
        x = self.act1(self.fc1(x))
        x = self.act2(self.fc2(x))
        return self.out(x).squeeze(1)


hist = torch.randint(0, 100, (256, 6))
cand = torch.randint(0, 100, (256,))
click = ((hist % 5) == (cand % 5).unsqueeze(1)).any(dim=1).float()

model = DIN()
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
for epoch in range(5):
    model.train()
    total = 0.0
    for i in range(0, 256, 64):
        logit = model(hist[i:i + 64], cand[i:i + 64])
        loss = F.binary_cross_entropy_with_logits(logit, click[i:i + 64])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / 4:.4f}")
