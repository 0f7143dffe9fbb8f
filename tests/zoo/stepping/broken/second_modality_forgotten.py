# expected: unread
# Fusion model: the audio features come in and never meet the text.
import torch
from torch import nn


class Fusion(nn.Module):
    def __init__(self):
        super().__init__()
        self.text, self.audio = nn.Linear(6, 4), nn.Linear(3, 4)
        self.out = nn.Linear(4, 2)

    def forward(self, text, audio):  # <- unread
        joint = torch.relu(self.text(text))
        return self.out(joint)


class Trainer:
    def __init__(self):
        torch.manual_seed(0)
        self.model = Fusion()
        parameters = [*self.model.text.parameters(), *self.model.out.parameters()]
        self.optimizer = torch.optim.SGD(parameters, lr=0.1)

    def step(self, text, audio, label):
        self.optimizer.zero_grad()
        scores = self.model(text, audio)
        nn.functional.cross_entropy(scores, label).backward()
        self.optimizer.step()


trainer = Trainer()
model = trainer.model
for _ in range(3):
    trainer.step(torch.randn(5, 6), torch.randn(5, 3), torch.randint(2, (5,)))
