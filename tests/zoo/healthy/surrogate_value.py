# expected: ok
# The printed value of a surrogate loss is replaced by a detached difference.
import torch

policy = torch.nn.Linear(4, 3)
wrt = policy


def loss():
    choice = torch.distributions.Categorical(logits=policy(torch.randn(8, 4)))
    action = choice.sample()
    reward = torch.randn(8)
    surrogate = -(reward * choice.log_prob(action)).mean()
    return surrogate + (reward.mean() - surrogate).detach()
