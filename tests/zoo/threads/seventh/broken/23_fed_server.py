import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(31)

N_CLASSES, DIM = 10, 24


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(DIM, 64), nn.ReLU())
        self.head = nn.Linear(64, N_CLASSES)

    def forward(self, x):
        return self.head(self.features(x))


class Client:
    def __init__(self, cid, dataset, lr=0.05, local_epochs=1):
        self.cid = cid
        self.loader = DataLoader(dataset, batch_size=20, shuffle=True)
        self.model = Classifier()
        self.lr, self.local_epochs = lr, local_epochs
        self.n = len(dataset)

    def load_model(self, weights):
        self.model.load_state_dict(copy.deepcopy(weights))

    def update_weights(self):
        self.model.train()
        opt = torch.optim.SGD(self.model.parameters(), lr=self.lr, momentum=0.5)
        losses = []
        for _ in range(self.local_epochs):
            for x, y in self.loader:
                loss = F.cross_entropy(self.model(x), y)
                opt.zero_grad()
                loss.backward()
                opt.step()
                losses.append(loss.item())
        return self.model.state_dict(), sum(losses) / len(losses)


def average_weights(weights, sizes):
    total = float(sum(sizes))
    avg = copy.deepcopy(weights[0])
    for key in avg:
        avg[key] = sum(w[key] * (s / total) for w, s in zip(weights, sizes))
    return avg


class ServerFedAvg:
    def __init__(self, clients, test_set, rounds=15, frac=0.5):
        self.clients = clients
        self.test_x, self.test_y = test_set.tensors
        self.rounds, self.frac = rounds, frac
        self.global_model = Classifier()

    @torch.no_grad()
    def global_test_accuracy(self):
        self.global_model.eval()
        return (self.global_model(self.test_x).argmax(1) == self.test_y).float().mean().item()

    def start(self):
        for rnd in range(self.rounds):
            m = max(1, int(self.frac * len(self.clients)))
            chosen = torch.randperm(len(self.clients))[:m].tolist()
            local_weights, local_losses, sizes = [], [], []
            for cid in chosen:
                client = self.clients[cid]
                client.load_model(self.global_model.state_dict())
                w, loss = client.update_weights()
                local_weights.append(copy.deepcopy(w))
                local_losses.append(loss)
                sizes.append(client.n)
            global_weights = average_weights(local_weights, sizes)
            print(f"round {rnd:2d} local loss {sum(local_losses) / m:.4f} "
                  f"global acc {self.global_test_accuracy():.3f}")
        self.global_model.load_state_dict(global_weights)
        print(f"finished, global acc {self.global_test_accuracy():.3f}")


def make_data(n, probs):
    y = torch.multinomial(probs, n, replacement=True)
    return TensorDataset(centers[y] + 1.2 * torch.randn(n, DIM), y)


centers = torch.randn(N_CLASSES, DIM)
dirichlet = torch.distributions.Dirichlet(torch.full((N_CLASSES,), 0.5))
clients = [Client(i, make_data(int(torch.randint(80, 160, ())), dirichlet.sample())) for i in range(10)]
test_set = make_data(1000, torch.ones(N_CLASSES))

server = ServerFedAvg(clients, test_set)
server.start()
