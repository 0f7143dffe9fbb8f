# The domain head descends, the features climb on its loss: by a function of their own, on purpose.
import torch
from torch import nn


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -0.3 * gradient


torch.manual_seed(0)
features, label_head, domain_head = nn.Linear(5, 6), nn.Linear(6, 2), nn.Linear(6, 2)
model = nn.ModuleList([features, label_head, domain_head])
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    x, y, domain = torch.randn(8, 5), torch.randint(2, (8,)), torch.randint(2, (8,))
    hidden = torch.relu(features(x))
    loss = nn.functional.cross_entropy(label_head(hidden), y)
    loss = loss + nn.functional.cross_entropy(domain_head(Reverse.apply(hidden)), domain)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
