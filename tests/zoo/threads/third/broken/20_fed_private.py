"""Federated averaging, clients train with noisy clipped gradients."""
import copy
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
W_TRUE = torch.randn(10, 4)


def lenet_like():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 4))


class PrivacyEngine:
    def __init__(self, noise=0.002, max_norm=1.0):
        self.noise, self.max_norm = noise, max_norm

    def make_private(self, module, optimizer):
        engine = self

        def private_step():
            nn.utils.clip_grad_norm_(module.parameters(), engine.max_norm)
            for p in module.parameters():
                p.grad.add_(engine.noise * torch.randn_like(p.grad))
            optimizer.step()
        return module, private_step


class Trainer:
    def __init__(self, model_fn, data):
        self.model_fn = model_fn
        self.model = model_fn()
        self.data = data

    def load_payload(self, weights):
        self.model.load_state_dict(weights)

    def train_model(self, epochs=1):
        self.model = self.model_fn()
        optimizer = torch.optim.SGD(self.model.parameters(), lr=0.2)
        self.model, step = PrivacyEngine().make_private(self.model, optimizer)
        x, y = self.data
        losses = []
        for _ in range(epochs):
            for xb, yb in zip(x.split(16), y.split(16)):
                optimizer.zero_grad()
                loss = F.cross_entropy(self.model(xb), yb)
                loss.backward()
                step()
                losses.append(loss.item())
        return sum(losses) / len(losses)

    def payload(self):
        return copy.deepcopy(self.model.state_dict())


class Server:
    def __init__(self, model):
        self.model = model

    def aggregate(self, payloads):
        avg = {k: torch.stack([p[k] for p in payloads]).mean(0) for k in payloads[0]}
        self.model.load_state_dict(avg)

    @torch.no_grad()
    def test(self, x, y):
        return (self.model(x).argmax(1) == y).float().mean().item()


def shard(n=64):
    x = torch.randn(n, 10)
    return x, (x @ W_TRUE).argmax(1)


server = Server(lenet_like())
clients = [Trainer(lenet_like, shard()) for _ in range(3)]
test_x, test_y = shard(256)
for rnd in range(8):
    losses, payloads = [], []
    for c in clients:
        c.load_payload(server.model.state_dict())
        losses.append(c.train_model())
        payloads.append(c.payload())
    server.aggregate(payloads)
    print(f"round {rnd} client loss {sum(losses) / 3:.4f} test acc {server.test(test_x, test_y):.3f}")
