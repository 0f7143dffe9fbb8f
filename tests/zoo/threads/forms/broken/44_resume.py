import os
import tempfile
import torch
from torch import nn

torch.manual_seed(0)


def build():
    model = nn.Sequential(nn.Linear(5, 48), nn.GELU(), nn.Linear(48, 1))
    optim = torch.optim.AdamW(model.parameters(), lr=1e-2)
    sched = torch.optim.lr_scheduler.LambdaLR(optim, lambda s: 0.5 ** (s / 60))
    return model, optim, sched


def save(path, step, model, optim, sched):
    torch.save({
        "step": step,
        "model": model.state_dict(),
        "optim": optim.state_dict(),
        "scheduler": sched.state_dict(),
    }, path)


def resume(path, model, optim, sched):
    blob = torch.load(path)
    model.load_state_dict(blob["model"])
    optim.load_state_dict(blob["optim"])
    return blob["step"]


def batch(n=64):
    x = torch.randn(n, 5)
    return x, (x[:, :1] * x[:, 1:2]).tanh() + 0.05 * torch.randn(n, 1)


def run(path, until):
    model, optim, sched = build()
    step = resume(path, model, optim, sched) if os.path.exists(path) else 0
    while step < until:
        x, y = batch()
        loss = nn.functional.mse_loss(model(x), y)
        optim.zero_grad()
        loss.backward()
        optim.step()
        sched.step()
        step += 1
        if step % 50 == 1:
            print(f"step {step} lr {sched.get_last_lr()[0]:.2e} loss {loss.item():.4f}")
    save(path, step, model, optim, sched)


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "last.pt")
    for until in (200, 400):
        run(path, until)
