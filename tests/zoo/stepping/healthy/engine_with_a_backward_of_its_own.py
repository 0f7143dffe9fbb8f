# A wrapper, as engines are, whose backward(loss) the loop calls by hand.
import torch
from torch import nn

torch.manual_seed(0)


class Engine(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module
        self.optimizer = torch.optim.SGD(module.parameters(), lr=0.05)

    def forward(self, inputs):
        return self.module(inputs)

    def backward(self, loss, retain_graph=False):
        self.optimizer.zero_grad()
        loss.backward(retain_graph=retain_graph)

    def step(self):
        self.optimizer.step()


engine = Engine(nn.Linear(5, 2))
for _ in range(3):
    engine.backward((engine(torch.randn(6, 5)) - torch.randn(6, 2)).square().mean())
    engine.step()
