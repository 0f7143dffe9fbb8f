import os
import tempfile
import torch
from torch import nn

torch.manual_seed(0)


def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


class Encoder(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 6))


class Classifier(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.encoder = Encoder()
        self.head = nn.Linear(6, classes)

    def forward(self, x):
        return self.head(self.encoder(x))


basis = torch.randn(6, 24)


def rows(n):
    hidden = torch.randn(n, 6)
    return hidden @ basis + 2.0 * torch.randn(n, 24), hidden


def pretrain(path, steps=300):
    encoder, decoder = Encoder(), nn.Linear(6, 24)
    optim = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=5e-3)
    for _ in range(steps):
        x, hidden = rows(128)
        loss = nn.functional.mse_loss(decoder(encoder(x)), hidden @ basis)
        optim.zero_grad()
        loss.backward()
        optim.step()
    print("pretraining", loss.item())
    torch.save(encoder.state_dict(), path)


def build_classifier(path, classes):
    model = Classifier(classes)
    missing = model.encoder.load_state_dict(torch.load(path))
    model.apply(init_weights)
    print("loading:", missing)
    return model


def finetune(model, x, y, steps=150):
    optim = torch.optim.Adam(model.head.parameters(), lr=2e-2)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(x), y)
        optim.zero_grad()
        loss.backward()
        optim.step()
    return loss.item()


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "encoder.pt")
    pretrain(path)
    model = build_classifier(path, 6)
    saved = torch.load(path)
    x, hidden = rows(300)
    print("finetuning", finetune(model, x, hidden.argmax(1)))
    x, hidden = rows(3000)
    print("accuracy", (model(x).argmax(1) == hidden.argmax(1)).float().mean().item())
    print("encoder differs from the file by", sum((saved[k] - v).norm().item() for k, v in model.encoder.state_dict().items()))
