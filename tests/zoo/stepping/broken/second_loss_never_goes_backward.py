# expected: never_differentiated never_differentiated
# The value network has a loss and an optimizer, and no backward().
import torch
from torch import nn

policy, value = nn.Linear(4, 2), nn.Linear(4, 1)
opt_p = torch.optim.Adam(policy.parameters())
opt_v = torch.optim.Adam(value.parameters())
for _ in range(2):
    state, ret = torch.randn(6, 4), torch.randn(6, 1)
    value_loss = (value(state) - ret).square().mean()  # <- never_differentiated
    policy_loss = -(policy(state).log_softmax(-1)[:, :1] * ret).mean()
    opt_p.zero_grad()
    opt_v.zero_grad()
    policy_loss.backward()
    opt_p.step()
    opt_v.step()
    seen = value_loss.item()  # <- never_differentiated
