# expected: constant
# The sum starts from a fresh zero and nothing is added.
import torch

model = torch.nn.Linear(4, 2)
wrt = model
boxes = []


def loss():
    model(torch.randn(3, 4))
    total = torch.zeros(())  # <- constant
    for box in boxes:
        total = total + model(box).sum()
    return total
