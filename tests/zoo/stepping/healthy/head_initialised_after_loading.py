# Fine-tuning: what the file lacks is initialised, what it has stays.
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.body = nn.Linear(4, 8)
        self.head = nn.Linear(8, classes)

    def forward(self, x):
        return self.head(self.body(x).relu())


saved = {name: value for name, value in Net(10).state_dict().items() if not name.startswith("head")}
model = Net(3)
model.load_state_dict(saved, strict=False)
nn.init.normal_(model.head.weight, std=0.01)
nn.init.zeros_(model.head.bias)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(torch.randn(5, 4)), torch.randint(0, 3, (5,))).backward()
    optimizer.step()
