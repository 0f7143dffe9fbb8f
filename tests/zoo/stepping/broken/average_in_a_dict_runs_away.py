# expected: average_reversed
# The average is a dict of tensors that are made anew at every update, each a step further from its weight.
import torch
from torch import nn


class Shadow:
    def __init__(self, model, decay=0.98):
        self.model, self.decay, self.shadow = model, decay, {}
        for name, parameter in model.named_parameters():
            self.shadow[name] = parameter.data.clone()

    def update(self):
        for name, parameter in self.model.named_parameters():
            kept = self.shadow[name]
            mean = kept - (1.0 - self.decay) * (parameter.data - kept)  # <- average_reversed
            self.shadow[name] = mean.clone()


def train(model, rounds):
    shadow = Shadow(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(rounds):
        optimizer.zero_grad()
        (model(torch.randn(8, 6)) - 1).abs().mean().backward()
        optimizer.step()
        shadow.update()
    return shadow


model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1))
kept = train(model, 4)
