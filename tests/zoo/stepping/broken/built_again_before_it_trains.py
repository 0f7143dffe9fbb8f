# expected: overwritten
# The weights are restored into one network, and `build`, called once more for its optimizer, makes another one.
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.out = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.inner(x).relu())


def build(rate):
    net = Net()
    return net, torch.optim.SGD(net.parameters(), lr=rate)


saved = {name: value + 0.5 for name, value in Net().state_dict().items()}
model, optimizer = build(0.1)
model.load_state_dict(saved)
model, optimizer = build(0.01)  # <- overwritten
for _ in range(2):
    x = torch.randn(6, 4)
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), (x[:, 0] > 0).long()).backward()
    optimizer.step()
