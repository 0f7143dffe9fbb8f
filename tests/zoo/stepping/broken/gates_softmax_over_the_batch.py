# expected: samples_mixed
# A gate over three experts is normalised over the samples.
import torch
from torch import nn

torch.manual_seed(0)


class Mixture(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(6, 3)
        self.experts = nn.ModuleList(nn.Linear(6, 2) for _ in range(3))

    def forward(self, x):
        weight = torch.softmax(self.gate(x), dim=0)  # <- samples_mixed
        return sum(weight[:, [k]] * expert(x) for k, expert in enumerate(self.experts))


model = Mixture()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(torch.randn(8, 6)), torch.randint(2, (8,))).backward()
    optimizer.step()
