import os
import tempfile

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 7
N_USER, N_ITEM, DIM = 400, 60, 4
TOTAL_ITERS, JOB_ITERS, BATCH = 1200, 50, 40

torch.manual_seed(SEED)
true_u, true_i = torch.randn(N_USER, DIM), torch.randn(N_ITEM, DIM)
users = torch.arange(N_USER).repeat_interleave(20)
items = torch.randint(0, N_ITEM, (len(users),))
ratings = (true_u[users] * true_i[items]).sum(1) + 0.1 * torch.randn(len(users))
order = torch.randperm(len(users))
train_idx, val_idx = order[:6800], order[6800:]
train_set = TensorDataset(users[train_idx], items[train_idx], ratings[train_idx])


class Factorizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.u = nn.Embedding(N_USER, DIM)
        self.i = nn.Embedding(N_ITEM, DIM)
        nn.init.normal_(self.u.weight, std=0.3)
        nn.init.normal_(self.i.weight, std=0.3)

    def forward(self, u, i):
        return (self.u(u) * self.i(i)).sum(1)


def cycle(loader):
    while True:
        yield from loader


def run_job(ckpt_path):
    """One slot on the cluster: the job is killed after JOB_ITERS iterations."""
    torch.manual_seed(SEED)
    model = Factorizer()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    loader = DataLoader(train_set, batch_size=BATCH, shuffle=True)
    batches = cycle(loader)

    start = 0
    if os.path.exists(ckpt_path):
        state = torch.load(ckpt_path)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["iteration"]

    running = 0.0
    stop = min(start + JOB_ITERS, TOTAL_ITERS)
    for iteration in range(start, stop):
        u, i, r = next(batches)
        loss = nn.functional.mse_loss(model(u, i), r)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()

    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "iteration": stop}, ckpt_path)
    with torch.no_grad():
        val = nn.functional.mse_loss(model(users[val_idx], items[val_idx]), ratings[val_idx]).item()
    print(f"iter {stop:5d} train {running / (stop - start):.4f} val {val:.4f}")
    return stop


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "checkpoint.pth")
    done = 0
    while done < TOTAL_ITERS:
        done = run_job(path)
