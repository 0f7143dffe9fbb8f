# expected: overwritten
# One function restores the weights and another one, called later, begins with fresh ones.
import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(12, 6)
        self.read = nn.GRU(6, 5, batch_first=True)
        self.tag = nn.Linear(5, 3)

    def forward(self, ids):
        return self.tag(self.read(self.words(ids))[0])


def restore(model, state):
    model.load_state_dict(state)
    return model


def prepare(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-0.1, 0.1)
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def train(state):
    model = restore(Tagger(), state)
    optimizer = prepare(model)  # <- overwritten
    for _ in range(2):
        ids = torch.randint(0, 12, (4, 5))
        loss = nn.functional.cross_entropy(model(ids).flatten(0, 1), ids.flatten() % 3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


model = train(Tagger().state_dict())
