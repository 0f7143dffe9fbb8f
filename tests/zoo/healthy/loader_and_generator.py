# expected: ok
# Batches of a DataLoader through a Python generator, the running loss kept as numbers.
import torch
from torch.utils.data import DataLoader, TensorDataset

model = torch.nn.Linear(4, 3)
loader = DataLoader(TensorDataset(torch.randn(12, 4), torch.randint(0, 3, (12,))), batch_size=4, shuffle=True)
wrt = model
history = []


def losses():
    for data, label in loader:
        yield torch.nn.functional.cross_entropy(model(data), label)


def loss():
    total = torch.zeros(())
    for value in losses():
        history.append(float(value.detach()))
        total = total + value
    return total / len(loader)
