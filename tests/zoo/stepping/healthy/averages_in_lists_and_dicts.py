# Averages beside the model, written in three ways: all of them go to the weights.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
taken = [parameter.detach().clone() for parameter in model.parameters()]
summed = [parameter.detach().clone() for parameter in model.parameters()]
named = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
for _ in range(4):
    optimizer.zero_grad()
    (model(torch.randn(6, 4)) - 1).square().mean().backward()
    optimizer.step()
    with torch.no_grad():
        for kept, parameter in zip(taken, model.parameters(), strict=True):
            kept.sub_((kept - parameter) * 0.05)
        for kept, parameter in zip(summed, model.parameters(), strict=True):
            kept.mul_(0.95).add_(parameter, alpha=0.05)
        for name, parameter in model.named_parameters():
            named[name] = (0.95 * named[name] + 0.05 * parameter).clone()
