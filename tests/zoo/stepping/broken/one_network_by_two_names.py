# expected: overwritten
# One module is given as both networks; copying the weights over, and loading them, changes nothing.
import torch
from torch import nn


class Learner:
    def __init__(self, network):
        self.online = network
        self.slow = network  # <- overwritten
        for old, new in zip(self.slow.parameters(), self.online.parameters(), strict=True):
            old.data.copy_(new.data)
        self.optimizer = torch.optim.SGD(self.online.parameters(), lr=0.1)

    def learn(self, state, reward, after):
        with torch.no_grad():
            wanted = reward + 0.9 * self.slow(after).max(1).values
        self.optimizer.zero_grad()
        (self.online(state).max(1).values - wanted).square().mean().backward()
        self.optimizer.step()


network = nn.Linear(4, 2)
learner = Learner(network)
for number in range(3):
    learner.learn(torch.randn(8, 4), torch.randn(8), torch.randn(8, 4))
    if number % 2:
        learner.slow.load_state_dict(learner.online.state_dict())
