# expected: integer_cast
# .to(torch.int64) to index a table.
import torch

position = torch.tensor([0.4, 2.6], requires_grad=True)
table = torch.randn(5, 3)
wrt = {"position": position}


def loss():
    index = position.to(torch.int64)  # <- integer_cast
    return table[index].sum()
