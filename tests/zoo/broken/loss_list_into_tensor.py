# expected: new_leaf
# A list of losses is gathered with torch.tensor: the history of each is dropped.
# thread: laekov/fastmoe#49, pytorch/pytorch#61410
import torch

model = torch.nn.Linear(4, 3)
wrt = model


def loss():
    batches = torch.randn(5, 2, 4)
    losses = [model(batch).square().mean() for batch in batches]
    return torch.tensor(losses).mean()  # <- new_leaf
