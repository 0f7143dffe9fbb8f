# expected: suspicious_shape
# A question looks up a memory; the softmax runs over the question's own axis, and every weight is 1.
import torch
from torch import nn


class Memory(nn.Module):
    def __init__(self):
        super().__init__()
        self.ask, self.keys, self.out = nn.Linear(5, 5), nn.Embedding(9, 5), nn.Linear(10, 3)

    def forward(self, question, slots):
        slots = self.keys(slots)
        question = self.ask(question).unsqueeze(1)
        scores = question @ slots.transpose(1, 2)
        weights = scores.softmax(dim=1)  # <- suspicious_shape
        found = (weights.transpose(1, 2) * slots).sum(1)
        return self.out(torch.cat([found, question.squeeze(1)], dim=-1))


wrt = Memory()
questions, slots, labels = torch.randn(4, 5), torch.randint(0, 9, (4, 7)), torch.tensor([0, 2, 1, 1])


def loss():
    return nn.functional.cross_entropy(wrt(questions, slots), labels)
