import copy

import torch
import torch.nn as nn
import torch.nn.functional as F


class Projector(nn.Sequential):
    def __init__(self, d_in, hidden, d_out):
        super().__init__(nn.Linear(d_in, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, d_out))


class BYOL(nn.Module):
    def __init__(self, d_in=24, feat=32, proj=16, tau=0.98):
        super().__init__()
        self.online = nn.Sequential(nn.Linear(d_in, feat), nn.ReLU(), Projector(feat, 64, proj))
        self.predictor = Projector(proj, 64, proj)
        self.target = copy.deepcopy(self.online)
        for p in self.target.parameters():
            p.requires_grad = False
        self.tau = tau

    @torch.no_grad()
    def update_target(self):
        for p, q in zip(self.online.parameters(), self.target.parameters()):
            q.data.mul_(self.tau).add_(p.data, alpha=1 - self.tau)

    def forward(self, v1, v2):
        p1, p2 = self.predictor(self.online(v1)), self.predictor(self.online(v2))
        with torch.no_grad():
            t1, t2 = self.target(v1), self.target(v2)
        return self.regression(p1, t2) + self.regression(p2, t1)

    @staticmethod
    def regression(p, z):
        return 2 - 2 * F.cosine_similarity(p, z.detach(), dim=-1).mean()


def augment(x):
    return x * (torch.rand_like(x) > 0.2) + 0.2 * torch.randn_like(x)


def main():
    torch.manual_seed(0)
    centers = torch.randn(6, 24) * 2
    model = BYOL()
    trainable = [p for p in model.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(trainable, lr=2e-3)
    for step in range(150):
        x = centers[torch.randint(0, 6, (64,))] + torch.randn(64, 24) * 0.5
        loss = model(augment(x), augment(x))
        opt.zero_grad()
        loss.backward()
        opt.step()
        model.update_target()
        if step % 30 == 0:
            with torch.no_grad():
                z = F.normalize(model.online(x), dim=-1)
            print(f"step {step:3d} loss {loss.item():.4f} feature std {z.std(0).mean().item():.4f}")


if __name__ == "__main__":
    main()
