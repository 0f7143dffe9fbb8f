# expected: ok
# SAC's actor: a squashed Normal by rsample, judged by a frozen critic, with a temperature as a number.
import torch
from torch import nn

actor, critic = nn.Linear(4, 2), nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
log_alpha = torch.zeros((), requires_grad=True)
wrt = {"actor": actor}


def loss():
    state = torch.randn(9, 4)
    mean, log_scale = actor(state).chunk(2, -1)
    policy = torch.distributions.Normal(mean, log_scale.clamp(-5, 2).exp())
    raw = policy.rsample()
    action = raw.tanh()
    log_probability = policy.log_prob(raw) - (1 - action.square() + 1e-6).log()
    score = critic(torch.cat([state, action], -1))
    return (log_alpha.exp().item() * log_probability - score).mean()
