# expected: constant never_differentiated
# A line that was left behind makes the loss one of its terms again.
import torch
from torch import nn

body, left, right = nn.Linear(4, 8), nn.Linear(8, 1), nn.Linear(8, 1)
optimizer = torch.optim.SGD([*body.parameters(), *left.parameters(), *right.parameters()], lr=0.1)


def loss_of(features, targets):
    score = (left(features) - targets).square().mean()
    size = (right(features) - 2 * targets).square().mean()
    terms = {"score": score, "size": size}
    total = sum(terms.values())  # <- never_differentiated
    terms["total"] = total
    total = score  # <- constant
    return total, terms


for _ in range(3):
    x = torch.randn(6, 4)
    optimizer.zero_grad()
    loss, terms = loss_of(body(x).tanh(), x.sum(1, keepdim=True))
    loss.backward()
    optimizer.step()
    shown = {name: term.item() for name, term in terms.items()}
