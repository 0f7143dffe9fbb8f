# expected: stale
# A trainer makes its optimizer in a helper, and swaps the head when it learns the number of classes.
# after: torchtest2, README, gallery 1
# peers: model=trainer.model optimizer=trainer.optimizer inputs=x targets=y loss=trainer.criterion
import torch
from torch import nn


class Trainer:
    def __init__(self, model):
        self.model = model
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = self.configure()

    def configure(self):
        return torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)

    def set_classes(self, number):
        self.model.head = nn.Linear(16, number)  # <- stale

    def fit(self, batches):
        for inputs, labels in batches:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(inputs), labels)
            loss.backward()
            self.optimizer.step()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(8, 16)
        self.head = nn.Linear(16, 2)

    def forward(self, inputs):
        return self.head(self.body(inputs).relu())


torch.manual_seed(0)
x, y = torch.randn(12, 8), torch.randint(0, 5, (12,))
trainer = Trainer(Net())
trainer.set_classes(5)
trainer.fit([(x, y)] * 3)
