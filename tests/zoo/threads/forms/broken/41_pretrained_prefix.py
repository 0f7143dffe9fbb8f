import os
import tempfile
import torch
from torch import nn

torch.manual_seed(0)
folder = tempfile.mkdtemp()


class Wrapper(nn.Module):
    """Plays the part of DataParallel."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *args):
        return self.module(*args)


def backbone():
    return nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 8), nn.Tanh())


mix = torch.randn(16, 8) / 4


def factors(n):
    x = torch.randn(n, 16)
    return x, torch.tanh(2 * (x @ mix))


def pretrain(path):
    model = Wrapper(backbone())
    optim = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(400):
        x, f = factors(128)
        loss = nn.functional.mse_loss(model(x), f)
        optim.zero_grad()
        loss.backward()
        optim.step()
    print("pretraining loss", loss.item())
    torch.save({"epoch": 1, "state": model.state_dict()}, path)


def load_backbone(path):
    model = backbone()
    state = torch.load(path)["state"]
    model.load_state_dict(state, strict=False)
    return model.requires_grad_(False)


def finetune(path):
    body = load_backbone(path)
    head = nn.Linear(8, 1)
    optim = torch.optim.Adam(head.parameters(), lr=2e-2)
    for step in range(300):
        x, f = factors(128)
        loss = nn.functional.mse_loss(head(body(x)), f[:, :1] - f[:, 1:2])
        optim.zero_grad()
        loss.backward()
        optim.step()
        if step % 60 == 0:
            print("finetuning", step, loss.item())


path = os.path.join(folder, "backbone.pt")
pretrain(path)
finetune(path)
