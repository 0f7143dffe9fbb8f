# expected: ok
# Policy gradient, one sample after the other: terms of shape [1], joined and summed.
import torch
from torch.distributions import Categorical

policy = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
wrt = policy
views = torch.randn(4, 1, 5)
rewards = torch.tensor([0.3, -1.2, 0.9, 0.1])


def loss():
    terms = []
    for view, reward in zip(views, rewards, strict=True):
        choice = Categorical(logits=policy(view))
        terms.append(-choice.log_prob(choice.sample()) * reward)
    return torch.cat(terms).sum()
