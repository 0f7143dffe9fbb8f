# expected: changed_too_late
# The clipping stands after the step, in a function of its own.
import torch
from torch import nn


def clip(net, limit=0.5):
    return nn.utils.clip_grad_norm_(net.parameters(), limit, error_if_nonfinite=True)  # <- changed_too_late


def main():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    opt = torch.optim.Adamax(net.parameters())
    for _ in range(3):
        opt.zero_grad()
        loss = nn.functional.softplus(-net(torch.randn(5, 8))).mean()
        loss.backward()
        opt.step()
        clip(net)
    return net


model = main()
