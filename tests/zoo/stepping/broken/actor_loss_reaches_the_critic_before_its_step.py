# expected: not_cleared
# Both networks step at the end: by then the actor's loss has added its own gradient to the critic's.
import torch
from torch import nn

actor, critic = nn.Linear(4, 2), nn.Linear(6, 1)
actor_optimizer = torch.optim.Adam(actor.parameters(), lr=1e-3)
critic_optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3)
for _ in range(3):
    state, action, value = torch.randn(8, 4), torch.randn(8, 2), torch.randn(8, 1)
    critic_loss = (critic(torch.cat([state, action], 1)) - value).square().mean()
    critic_optimizer.zero_grad()
    critic_loss.backward()
    actor_loss = -critic(torch.cat([state, actor(state).tanh()], 1)).mean()
    actor_optimizer.zero_grad()
    actor_loss.backward()  # <- not_cleared
    critic_optimizer.step()
    actor_optimizer.step()
