# expected: stale
# A Trainer builds its optimizer in __init__; the head is exchanged in fit().
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(2, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.head = nn.Linear(6, 10)

    def forward(self, signal):
        return self.head(self.body(signal))


class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def fit(self, batches, classes):
        self.model.head = nn.Linear(6, classes)  # <- stale
        for signal, label in batches:
            self.optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(self.model(signal), label)
            loss.backward()
            self.optimizer.step()


torch.manual_seed(0)
trainer = Trainer(Classifier())
model = trainer.model
trainer.fit([(torch.randn(4, 2, 9), torch.randint(3, (4,))) for _ in range(3)], classes=3)
