# expected: ok
# REINFORCE with a detached reward.
import torch

policy = torch.nn.Linear(4, 3)
values = torch.randn(3)
wrt = policy


def loss():
    choice = torch.distributions.Categorical(logits=policy(torch.randn(8, 4)))
    action = choice.sample()
    reward = values[action]
    return -((reward - reward.mean()).detach() * choice.log_prob(action)).mean()
