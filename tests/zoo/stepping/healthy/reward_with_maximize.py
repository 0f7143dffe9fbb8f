# A return is to be made large: maximize=True is meant.
import torch
from torch import nn

policy = nn.Linear(4, 3)
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2, maximize=True)
for _ in range(2):
    distribution = torch.distributions.Categorical(logits=policy(torch.randn(8, 4)))
    action = distribution.sample()
    objective = (distribution.log_prob(action) * torch.randn(8)).mean()
    optimizer.zero_grad()
    objective.backward()
    optimizer.step()
