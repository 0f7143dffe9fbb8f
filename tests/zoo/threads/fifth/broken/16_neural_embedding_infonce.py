import torch
import torch.nn as nn


def dot_similarity(ref, pos, neg):
    pos_dist = torch.einsum("ni,ni->n", ref, pos)
    neg_dist = torch.einsum("ni,mi->nm", ref, neg)
    return pos_dist, neg_dist


def infonce(pos_dist, neg_dist):
    with torch.no_grad():
        c, _ = neg_dist.max(dim=1)
    pos_dist = pos_dist - c
    neg_dist = neg_dist - c
    align = (-pos_dist).mean()
    uniform = torch.logsumexp(neg_dist, dim=1).mean()
    return align + uniform, align, uniform


class FixedDotInfoNCE(nn.Module):
    def __init__(self, temperature=1.0):
        super().__init__()
        self.temperature = temperature

    def forward(self, ref, pos, neg):
        pos_dist, neg_dist = dot_similarity(ref, pos, neg)
        return infonce(pos_dist / self.temperature, neg_dist / self.temperature)


class Offset1Model(nn.Module):
    def __init__(self, neurons, hidden, out):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(neurons, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(),
                                 nn.Linear(hidden, out))

    def forward(self, x):
        return self.net(x)


class TimeContrastiveSampler:
    def __init__(self, spikes, position, delta=0.15):
        self.spikes, self.position, self.delta = spikes, position, delta
        self.order = position.argsort()
        self.sorted = position[self.order]

    def __call__(self, n):
        ref = torch.randint(0, len(self.spikes), (n,))
        neg = torch.randint(0, len(self.spikes), (n,))
        want = self.position[ref] + self.delta * torch.randn(n)
        pos = self.order[torch.searchsorted(self.sorted, want).clamp(max=len(self.sorted) - 1)]
        return self.spikes[ref], self.spikes[pos], self.spikes[neg]


def simulate(n=2000, neurons=40):
    position = torch.rand(n) * 6.283
    centers = torch.linspace(0, 6.283, neurons)
    dist = torch.remainder(position[:, None] - centers + 3.1416, 6.283) - 3.1416
    rate = 3 * torch.exp(-dist ** 2 / 0.3) + 0.2
    return torch.poisson(rate), position


@torch.no_grad()
def knn_error(model, spikes, position, k=8):
    emb = model(spikes)
    nn_idx = torch.cdist(emb[1500:], emb[:1500]).topk(k, dim=1, largest=False).indices
    ang = position[:1500][nn_idx]
    pred = torch.atan2(ang.sin().mean(1), ang.cos().mean(1))
    err = torch.remainder(pred - position[1500:] + 3.1416, 6.283) - 3.1416
    return err.abs().mean().item()


def main():
    torch.manual_seed(0)
    spikes, position = simulate()
    sampler = TimeContrastiveSampler(spikes[:1500], position[:1500])
    model = Offset1Model(40, 64, 3)
    criterion = FixedDotInfoNCE()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for step in range(401):
        ref, pos, neg = (model(x) for x in sampler(256))
        loss, align, uniform = criterion(ref, pos, neg)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 100 == 0:
            print(f"step {step:3d} loss {loss.item():.3f} align {align.item():.3f} uniform {uniform.item():.3f} "
                  f"knn error {knn_error(model, spikes, position):.3f} rad")


if __name__ == "__main__":
    main()
