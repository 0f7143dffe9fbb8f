import copy
import torch
import torch.nn as nn

torch.manual_seed(11)


class CNN(nn.Module):
    def __init__(self, n_class=4):
        super().__init__()
        self.base = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.classifier = nn.Linear(6 * 5 * 5, n_class)

    def forward(self, x):
        return self.classifier(self.base(x))


class FedProxClient:
    def __init__(self, model, data, mu=1.0, lr=0.05, local_epoch=5):
        self.model = copy.deepcopy(model)
        self.data = data
        self.mu, self.lr, self.local_epoch = mu, lr, local_epoch
        self.criterion = nn.CrossEntropyLoss()

    def set_parameters(self, state):
        self.model.load_state_dict(state)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.lr)

    def fit(self):
        self.model.train()
        global_params = list(self.model.parameters())
        for _ in range(self.local_epoch):
            for x, y in self.data:
                if len(x) <= 1:
                    continue
                logit = self.model(x)
                loss = self.criterion(logit, y)
                self.optimizer.zero_grad()
                loss.backward()
                for w, w_t in zip(self.model.parameters(), global_params):
                    if w.requires_grad:
                        w.grad.data += self.mu * (w.data - w_t.data)
                self.optimizer.step()
        return loss.item()


def client_data(classes, n=64):
    y = torch.tensor(classes)[torch.randint(0, len(classes), (n,))]
    x = protos[y] + 0.8 * torch.randn(n, 1, 12, 12)
    return [(x[i:i + 16], y[i:i + 16]) for i in range(0, n, 16)]


protos = torch.randn(4, 1, 12, 12)
server = CNN()
clients = [FedProxClient(server, client_data(c)) for c in ([0, 1], [1, 2], [2, 3], [3, 0])]
test = [b for c in range(4) for b in client_data([c], 32)]

for rnd in range(6):
    states, losses, drift = [], [], 0.0
    for c in clients:
        c.set_parameters(server.state_dict())
        losses.append(c.fit())
        states.append(c.model.state_dict())
        drift += sum((p - q).pow(2).sum() for p, q in zip(c.model.parameters(), server.parameters())).item()
    avg = {k: torch.stack([s[k] for s in states]).mean(0) for k in states[0]}
    server.load_state_dict(avg)
    with torch.no_grad():
        acc = sum((server(x).argmax(1) == y).sum().item() for x, y in test) / 128
    print("round %d loss %.4f drift %.3f acc %.3f" % (rnd, sum(losses) / 4, drift / 4, acc))
