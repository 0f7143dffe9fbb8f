# One optimizer holds the trunk and the actor: the critic's loss reaches the trunk alone, and teaches it as well.
import itertools

import torch
from torch import nn

trunk, actor, critic = nn.Linear(5, 4), nn.Linear(4, 3), nn.Linear(4, 1)
actor_optimizer = torch.optim.Adam(itertools.chain(trunk.parameters(), actor.parameters()), lr=1e-3)
critic_optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3)
for _ in range(3):
    state, action, value = torch.randn(8, 5), torch.randint(0, 3, (8,)), torch.randn(8, 1)
    actor_optimizer.zero_grad()
    nn.functional.cross_entropy(actor(trunk(state).tanh()), action).backward()
    critic_optimizer.zero_grad()
    (critic(trunk(state).tanh()) - value).square().mean().backward()
    actor_optimizer.step()
    critic_optimizer.step()
