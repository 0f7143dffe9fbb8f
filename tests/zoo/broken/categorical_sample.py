# expected: sampling
# A sampled action enters the loss by itself, without log_prob.
import torch

policy = torch.nn.Linear(3, 5)
values = torch.randn(5)
wrt = policy


def loss():
    action = torch.distributions.Categorical(logits=policy(torch.randn(4, 3))).sample()  # <- sampling
    return -values[action].mean()
