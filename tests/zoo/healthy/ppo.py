# expected: ok
# PPO: old log-probabilities as numbers, a clipped ratio, a value loss, entropy; advantages through NumPy.
import numpy
import torch
from torch import nn

body, actor, critic = nn.Linear(4, 8), nn.Linear(8, 3), nn.Linear(8, 1)
wrt = {"body": body, "actor": actor, "critic": critic}


def act(state):
    with torch.no_grad():
        hidden = body(state).tanh()
        choice = torch.distributions.Categorical(logits=actor(hidden))
        action = choice.sample()
        return action, choice.log_prob(action).numpy(), critic(hidden).squeeze(-1).numpy()


def loss():
    state = torch.randn(16, 4)
    action, old, value = act(state)
    returns = numpy.random.default_rng(0).normal(size=16).astype(numpy.float32)
    advantage = torch.from_numpy((returns - value) / (returns - value).std())
    hidden = body(state).tanh()
    choice = torch.distributions.Categorical(logits=actor(hidden))
    ratio = (choice.log_prob(action) - torch.from_numpy(old)).exp()
    policy = -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
    fit = (critic(hidden).squeeze(-1) - torch.from_numpy(returns)).square().mean()
    return {"policy": policy, "value": 0.5 * fit, "entropy": -0.01 * choice.entropy().mean()}
