# expected: overwritten
# The model is made inside the loop, so that every batch meets one that knows nothing.
import torch
from torch import nn

torch.manual_seed(0)


def train_on(x, y):
    model = nn.Linear(8, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)  # <- overwritten
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return model


for _ in range(6):
    model = train_on(torch.randn(8, 8), torch.randint(0, 3, (8,)))
