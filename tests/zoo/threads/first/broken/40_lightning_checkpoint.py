import os
import tempfile

import torch
import torch.nn as nn


class Encoder(nn.Module):
    def __init__(self, d_in=16, d=32):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(d_in, d), nn.ReLU(), nn.Linear(d, d), nn.ReLU())
        self.classifier = nn.Linear(d, 4)

    def forward(self, x):
        return self.classifier(self.layers(x))


class LitModule(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = Encoder()
        self.criterion = nn.CrossEntropyLoss()

    def training_step(self, batch):
        x, y = batch
        return self.criterion(self.model(x), y)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)


def pretrain(path, batch, steps=30):
    lit = LitModule()
    opt = lit.configure_optimizers()
    for _ in range(steps):
        loss = lit.training_step(batch)
        opt.zero_grad()
        loss.backward()
        opt.step()
    torch.save({"state_dict": lit.state_dict(), "epoch": steps}, path)
    print("pretrained, final loss", loss.item())


def finetune(path, batch, steps=4):
    net = Encoder()
    checkpoint = torch.load(path, weights_only=True)
    net.load_state_dict(checkpoint["state_dict"], strict=False)
    for p in net.layers.parameters():
        p.requires_grad_(False)
    opt = torch.optim.SGD(net.classifier.parameters(), lr=1e-2)
    x, y = batch
    for step in range(steps):
        loss = nn.functional.cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        print("finetune", step, loss.item())


torch.manual_seed(0)
x = torch.randn(128, 16)
batch = (x, x[:, :4].argmax(1))
with tempfile.TemporaryDirectory() as d:
    pretrain(os.path.join(d, "last.ckpt"), batch)
    finetune(os.path.join(d, "last.ckpt"), batch)
