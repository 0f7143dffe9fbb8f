# expected: trained_or_frozen_by_mistake
# All of whose name has "trunk" in it is frozen; the head has it, too.
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(5, 8), nn.ReLU())
        self.after_trunk_scores = nn.Linear(8, 3)
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return self.after_trunk_scores(self.trunk(x)) * self.scale


torch.manual_seed(0)
saved = {f"trunk.{name}": value for name, value in Net().trunk.state_dict().items()}
model = Net()
model.load_state_dict(saved, strict=False)
for name, parameter in model.named_parameters():
    if "trunk" in name:  # <- trained_or_frozen_by_mistake
        parameter.requires_grad = False
optimizer = torch.optim.SGD([one for one in model.parameters() if one.requires_grad], lr=0.1)
for _ in range(3):
    x, label = torch.randn(6, 5), torch.randint(3, (6,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), label).backward()
    optimizer.step()
