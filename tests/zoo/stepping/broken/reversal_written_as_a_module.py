# expected: custom_function
# The domain's gradient is to be turned round on its way to the features, in a method that nobody calls.
import torch
from torch import nn

torch.manual_seed(0)


class Reverse(nn.Module):
    def forward(self, features):
        return features.view_as(features)

    def backward(self, grad_output):  # <- custom_function
        return -0.3 * grad_output


class Adapted(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(5, 8), nn.ReLU())
        self.label, self.domain = nn.Linear(8, 3), nn.Linear(8, 2)
        self.reverse = Reverse()

    def forward(self, inputs):
        features = self.features(inputs)
        return self.label(features), self.domain(self.reverse(features))


model = Adapted()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for _ in range(3):
    label, domain = model(torch.randn(6, 5))
    loss = nn.functional.cross_entropy(label, torch.randint(0, 3, (6,)))
    loss = loss + nn.functional.cross_entropy(domain, torch.randint(0, 2, (6,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
