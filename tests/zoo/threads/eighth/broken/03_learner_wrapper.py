import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)

centers = torch.randn(6, 20) * 0.6


def sample(n):
    y = torch.randint(0, 6, (n,))
    return centers[y] + torch.randn(n, 20), y


class Learner:
    """Holds a model with everything that is needed to fit it."""

    def __init__(self, model, lr=1e-3):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.crit = nn.CrossEntropyLoss()
        self.training = True
        self.history = []

    def train(self):
        self.training = True

    def eval(self):
        self.training = False

    def fit(self, loader, epochs):
        self.train()
        for epoch in range(epochs):
            running = 0.0
            for x, y in loader:
                self.optimizer.zero_grad()
                loss = self.crit(self.model(x), y)
                loss.backward()
                self.optimizer.step()
                running += loss.item()
            self.history.append(running / len(loader))
            print(f"epoch {epoch} loss {self.history[-1]:.4f}")

    def predict(self, x):
        self.eval()
        with torch.no_grad():
            return self.model(x).softmax(dim=1)


def build():
    return nn.Sequential(
        nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.8),
        nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.8),
        nn.Linear(64, 6),
    )


x_train, y_train = sample(2000)
x_test, y_test = sample(1000)
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=50, shuffle=True)

learner = Learner(build())
learner.fit(loader, epochs=20)

for run in range(3):
    probs = learner.predict(x_test)
    acc = (probs.argmax(1) == y_test).float().mean().item()
    nll = -probs[torch.arange(len(y_test)), y_test].clamp_min(1e-8).log().mean().item()
    print(f"evaluation {run}: accuracy {acc:.4f} nll {nll:.4f}")
