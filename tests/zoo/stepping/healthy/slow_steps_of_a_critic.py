# The actor steps on every second batch only, the critic on each.
import torch
from torch import nn

torch.manual_seed(0)
actor = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
critic = nn.Linear(5, 1)
actor_optimizer = torch.optim.Adam(actor.parameters(), lr=3e-3)
critic_optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3)
for number in range(6):
    state, reward = torch.randn(10, 3), torch.randn(10, 1)
    with torch.no_grad():
        action = actor(state)
    critic_optimizer.zero_grad()
    nn.functional.mse_loss(critic(torch.cat([state, action], 1)), reward).backward()
    critic_optimizer.step()
    if number % 2:
        actor_optimizer.zero_grad()
        (-critic(torch.cat([state, actor(state)], 1)).mean()).backward()
        actor_optimizer.step()
