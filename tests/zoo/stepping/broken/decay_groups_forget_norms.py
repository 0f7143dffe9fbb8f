# expected: not_held
# Two groups by name: weights and biases; what is called neither is in none of them.
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(4, 8)
        self.gain = nn.Parameter(torch.ones(8))
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.embed(x).tanh() * self.gain)


model = Net()
decay = [p for n, p in model.named_parameters() if n.endswith("weight")]
rest = [p for n, p in model.named_parameters() if n.endswith("bias")]
groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(groups, lr=1e-3)  # <- not_held
for _ in range(2):
    loss = nn.functional.cross_entropy(model(torch.randn(6, 4)), torch.randint(0, 2, (6,)))
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
