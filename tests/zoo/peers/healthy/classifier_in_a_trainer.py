# Every part in its place, in a class.
# peers: model=trainer.model optimizer=trainer.optimizer inputs=x targets=y loss=trainer.criterion
import torch
from torch import nn


class Trainer:
    def __init__(self, model):
        self.model, self.criterion = model, nn.CrossEntropyLoss()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 10)

    def fit(self, batches):
        for inputs, labels in batches:
            self.model.train()
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(inputs), labels)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.scheduler.step()
            self.evaluate(inputs, labels)

    @torch.no_grad()
    def evaluate(self, inputs, labels):
        self.model.eval()
        return (self.model(inputs).argmax(1) == labels).float().mean().item()


torch.manual_seed(0)
x, y = torch.randn(12, 8), torch.randint(0, 5, (12,))
trainer = Trainer(nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 5)))
trainer.fit([(x, y)] * 3)
