import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
DIM_IN, N_CLASS = 40, 10
BATCH, CHUNKS = 128, 4

signal = torch.randn(N_CLASS, 10)


def sample(n):
    y = torch.randint(0, N_CLASS, (n,))
    x = torch.randn(n, DIM_IN) * 1.5
    x[:, :10] = signal[y] + 0.4 * torch.randn(n, 10)
    return x, y


def augment(x):
    """The first ten measurements are stable, the others are redrawn with every view."""
    view = x.clone()
    view[:, 10:] = torch.randn(len(x), DIM_IN - 10) * 1.5
    view[:, :10] += 0.2 * torch.randn(len(x), 10)
    return view


class NT_Xent(nn.Module):
    def __init__(self, batch_size, temperature=0.3):
        super().__init__()
        self.batch_size, self.temperature = batch_size, temperature
        n = 2 * batch_size
        mask = torch.ones(n, n, dtype=torch.bool).fill_diagonal_(False)
        for i in range(batch_size):
            mask[i, batch_size + i] = False
            mask[batch_size + i, i] = False
        self.register_buffer("mask", mask)

    def forward(self, z):
        n = 2 * self.batch_size
        z = F.normalize(z, dim=1)
        sim = z @ z.t() / self.temperature
        sim_i_j = torch.diag(sim, self.batch_size)
        sim_j_i = torch.diag(sim, -self.batch_size)
        positives = torch.cat([sim_i_j, sim_j_i]).reshape(n, 1)
        negatives = sim[self.mask].reshape(n, -1)
        logits = torch.cat([positives, negatives], dim=1)
        return F.cross_entropy(logits, torch.zeros(n, dtype=torch.long))


encoder = nn.Sequential(nn.Linear(DIM_IN, 64), nn.ReLU(), nn.Linear(64, 32))
projector = nn.Sequential(nn.ReLU(), nn.Linear(32, 16))
criterion = NT_Xent(BATCH)
optimizer = torch.optim.Adam([*encoder.parameters(), *projector.parameters()], lr=2e-3)
x_train, y_train = sample(4000)
x_test, y_test = sample(1000)


def embed(x):
    return projector(encoder(x))


@torch.no_grad()
def knn_accuracy():
    a, b = F.normalize(encoder(x_train), dim=1), F.normalize(encoder(x_test), dim=1)
    votes = y_train[(b @ a.t()).topk(15, dim=1).indices]
    return (votes.mode(dim=1).values == y_test).float().mean().item()


print(f"before training knn {knn_accuracy():.3f}")
for step in range(300):
    x = x_train[torch.randint(0, len(x_train), (BATCH,))]
    x_i, x_j = augment(x), augment(x)
    outputs = []
    for part_i, part_j in zip(x_i.chunk(CHUNKS), x_j.chunk(CHUNKS)):
        z_i, z_j = embed(part_i), embed(part_j)
        outputs.append(torch.cat([z_i, z_j]))
    loss = criterion(torch.cat(outputs))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 49:
        print(f"step {step + 1} loss {loss.item():.4f} knn {knn_accuracy():.3f}")
