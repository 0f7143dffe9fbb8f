# Actor, critic and a learnt temperature that is no module's parameter.
import torch
from torch import nn

actor, critic = nn.Linear(3, 2), nn.Linear(5, 1)
log_alpha = torch.zeros(1, requires_grad=True)
opt_a = torch.optim.Adam(actor.parameters(), lr=1e-3)
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3)
opt_t = torch.optim.Adam([log_alpha], lr=1e-3)
for _ in range(3):
    state = torch.randn(8, 3)
    action = actor(state).tanh()
    pair = torch.cat([state, action], 1)
    critic_loss = (critic(pair.detach()) - torch.randn(8, 1)).square().mean()
    opt_c.zero_grad()
    critic_loss.backward()
    opt_c.step()
    entropy = -(action.square() + 1e-3).log().sum(-1)
    actor_loss = (-critic(torch.cat([state, action], 1)).squeeze(-1) - log_alpha.exp().detach() * entropy).mean()
    opt_a.zero_grad()
    actor_loss.backward()
    opt_a.step()
    alpha_loss = (log_alpha.exp() * (entropy.detach() - 1)).mean()
    opt_t.zero_grad()
    alpha_loss.backward()
    opt_t.step()
