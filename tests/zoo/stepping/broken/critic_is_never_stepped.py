# expected: never_stepped
# Actor-critic with two optimizers; the critic's step is missing.
import torch
from torch import nn

torch.manual_seed(0)
actor = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
critic = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
actor_optimizer = torch.optim.Adam(actor.parameters(), lr=3e-3)
critic_optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3)  # <- never_stepped
for _ in range(4):
    state, reward = torch.randn(10, 3), torch.randn(10)
    policy = torch.distributions.Categorical(logits=actor(state))
    value = critic(state).squeeze(-1)
    advantage = reward - value
    actor_loss = -(policy.log_prob(policy.sample()) * advantage.detach()).mean()
    critic_loss = advantage.square().mean()
    actor_optimizer.zero_grad()
    actor_loss.backward()
    actor_optimizer.step()
    critic_optimizer.zero_grad()
    critic_loss.backward()
