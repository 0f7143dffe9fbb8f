import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(19)

MU, CLIENTS, PER_ROUND, ROUNDS = 0.05, 8, 4, 12


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 64)
        self.bn = nn.BatchNorm1d(64)
        self.fc2 = nn.Linear(64, 6)

    def forward(self, x):
        return self.fc2(F.relu(self.bn(self.fc1(x))))


def client_data(k):
    probs = torch.full((6,), 0.3)
    probs[[k % 6, (k + 1) % 6]] = 3.0
    y = torch.multinomial(probs, 150, replacement=True)
    return centers[y] + torch.randn(150, 20), y


def local_update(global_model, data, epochs=2):
    model = copy.deepcopy(global_model)
    anchor = [p.detach().clone() for p in global_model.parameters()]
    model.train()
    opt = torch.optim.SGD(model.parameters(), lr=0.05)
    x, y = data
    for _ in range(epochs):
        for idx in torch.randperm(len(y)).split(25):
            ce = F.cross_entropy(model(x[idx]), y[idx])
            prox = sum((p - a).pow(2).sum() for p, a in zip(model.parameters(), anchor))
            loss = ce + 0.5 * MU * prox
            opt.zero_grad()
            loss.backward()
            opt.step()
    return model.state_dict(), len(y), ce.item(), prox.item()


class ServerOpt:
    """Treats the averaged client delta as a gradient (FedAvgM / FedOpt)."""

    def __init__(self, model):
        self.model = model
        self.opt = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.3)

    def step(self, states, weights):
        total = sum(weights)
        mean = {k: sum(s[k].float() * (w / total) for s, w in zip(states, weights)) for k in states[0]}
        self.opt.zero_grad()
        for name, p in self.model.named_parameters():
            p.grad = p.detach() - mean[name]
        self.opt.step()
        buffers = dict(self.model.named_buffers())
        for name, buf in buffers.items():
            buf.copy_(mean[name].to(buf.dtype))


centers = 1.2 * torch.randn(6, 20)
datasets = [client_data(k) for k in range(CLIENTS)]
y_test = torch.randint(0, 6, (600,))
x_test = centers[y_test] + torch.randn(600, 20)

global_model = Net()
server = ServerOpt(global_model)
for rnd in range(ROUNDS):
    chosen = torch.randperm(CLIENTS)[:PER_ROUND].tolist()
    results = [local_update(global_model, datasets[c]) for c in chosen]
    server.step([r[0] for r in results], [r[1] for r in results])
    global_model.eval()
    with torch.no_grad():
        acc = (global_model(x_test).argmax(1) == y_test).float().mean().item()
    print(f"round {rnd} clients {chosen} ce {sum(r[2] for r in results) / PER_ROUND:.3f} "
          f"prox {sum(r[3] for r in results) / PER_ROUND:.4f} acc {acc:.3f}")
