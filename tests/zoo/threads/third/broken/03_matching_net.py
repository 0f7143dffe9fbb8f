"""Matching network, 5-way 1-shot on synthetic gaussian 'characters'."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(7)
WAY, DIM = 5, 32


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(DIM, 64), nn.ReLU(), nn.Linear(64, 32))

    def forward(self, x):
        return self.net(x)


class CosineDistance(nn.Module):
    def forward(self, support, query):
        return F.normalize(query, dim=-1) @ F.normalize(support, dim=-1).t()


class AttentionalClassify(nn.Module):
    def forward(self, similarities, support_y_onehot):
        attention = F.softmax(similarities, dim=-1)
        return attention @ support_y_onehot


class MatchingNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.g = Embedder()
        self.dn = CosineDistance()
        self.classify = AttentionalClassify()
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, sx, sy, qx, qy):
        sim = self.dn(self.g(sx), self.g(qx)) * self.scale
        preds = self.classify(sim, F.one_hot(sy, WAY).float())
        loss = F.cross_entropy(preds, qy)
        acc = (preds.argmax(1) == qy).float().mean()
        return loss, acc


protos = torch.randn(40, DIM)
mixing = torch.randn(DIM, DIM) * 0.8


def episode(n_query=6):
    cls = torch.randperm(40)[:WAY]
    sy = torch.arange(WAY)
    sx = protos[cls] + 0.6 * torch.randn(WAY, DIM) @ mixing
    qy = sy.repeat_interleave(n_query)
    qx = protos[cls][qy] + 0.6 * torch.randn(len(qy), DIM) @ mixing
    return sx, sy, qx, qy


model = MatchingNetwork()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
running = []
for it in range(120):
    loss, acc = model(*episode())
    opt.zero_grad()
    loss.backward()
    opt.step()
    running.append((loss.item(), acc.item()))
    if it % 40 == 39:
        r = torch.tensor(running[-40:]).mean(0)
        print(f"it {it+1} loss {r[0]:.3f} acc {r[1]:.3f} scale {model.scale.item():.3f}")
