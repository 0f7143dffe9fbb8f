# expected: stale
# prepare() hands back a new model, and the optimizer still holds the old one's parameters.
# after: TrainCheck, success story 3 (huggingface/accelerate 2665)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import copy

import torch
from torch import nn


def prepare(module):
    return copy.deepcopy(module)


def train(model, optimizer, criterion, batches):
    for inputs, labels in batches:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()


torch.manual_seed(0)
x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
model = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)  # <- stale
model = prepare(model)
train(model, optimizer, criterion, [(x, y)] * 3)
