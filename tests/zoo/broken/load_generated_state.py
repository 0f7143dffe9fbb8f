# expected: grad_disabled
# Generated weights go through load_state_dict, which copies them under no_grad.
import torch
from torch import nn

hyper = nn.Linear(3, 10)
main = nn.Linear(4, 2)
wrt = hyper


def loss():
    made = hyper(torch.randn(3))
    main.load_state_dict({"weight": made[:8].view(2, 4), "bias": made[8:]})  # <- grad_disabled
    return (main(torch.randn(6, 4)) - 1).square().mean()
