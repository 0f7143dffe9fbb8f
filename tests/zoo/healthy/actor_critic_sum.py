# expected: ok
# Actor, critic and entropy in one unnamed sum.
import torch
from torch import nn

body = nn.Linear(4, 8)
actor = nn.Linear(8, 3)
critic = nn.Linear(8, 1)
wrt = {"body": body, "actor": actor, "critic": critic}


def loss():
    hidden = body(torch.randn(8, 4)).tanh()
    choice = torch.distributions.Categorical(logits=actor(hidden))
    action = choice.sample()
    value = critic(hidden).squeeze(-1)
    advantage = (torch.randn(8) - value).detach()
    policy_loss = -(advantage * choice.log_prob(action)).mean()
    value_loss = (value - 1).square().mean()
    return policy_loss + 0.5 * value_loss - 0.01 * choice.entropy().mean()
