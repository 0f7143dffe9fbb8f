# expected: not_held
# encoder and decoder are two modules; only the encoder's parameters are given.
import itertools

import torch
from torch import nn

torch.manual_seed(0)
encoder = nn.GRU(3, 7, batch_first=True)
decoder = nn.ModuleDict({"mean": nn.Linear(7, 2), "spread": nn.Linear(7, 2)})
optimizer = torch.optim.NAdam(itertools.chain(encoder.parameters()), lr=2e-3)  # <- not_held


def train_step(series, target):
    state = encoder(series)[1][-1]
    mean, spread = decoder["mean"](state), decoder["spread"](state).exp()
    nll = -torch.distributions.Normal(mean, spread).log_prob(target).mean()
    optimizer.zero_grad()
    nll.backward()
    optimizer.step()
    return nll.item()


history = [train_step(torch.randn(4, 6, 3), torch.randn(4, 2)) for _ in range(3)]
