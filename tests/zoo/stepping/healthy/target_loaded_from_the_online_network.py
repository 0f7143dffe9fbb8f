# Targets that are loaded, kept apart, or shared where that is asked for; a state that is changed before it is loaded.
import copy

import torch
from torch import nn


class Learner:
    def __init__(self, *, apart, shares=False):
        self.online, self.other = nn.Linear(4, 2), nn.Linear(4, 2)
        self.target = nn.Linear(4, 2)
        self.target.load_state_dict(self.online.state_dict())
        if shares:
            self.target = self.online
        self.second = copy.deepcopy(self.other)
        if not apart:
            self.second = self.other
        self.optimizer = torch.optim.SGD([*self.online.parameters(), *self.other.parameters()], lr=0.1)

    def learn(self):
        after = torch.randn(8, 4)
        wanted = 0.9 * torch.min(self.target(after), self.second(after)).detach() + torch.randn(8, 2)
        state = torch.randn(8, 4)
        self.optimizer.zero_grad()
        ((self.online(state) - wanted).square() + (self.other(state) - wanted).square()).mean().backward()
        self.optimizer.step()
        self.catch_up()

    def catch_up(self):
        self.target.load_state_dict(self.online.state_dict())
        if self.second is not self.other:
            self.second.load_state_dict(self.other.state_dict())
        for slow, fast in zip(self.target.parameters(), self.online.parameters(), strict=True):
            slow.data.copy_(fast.data)


def noisy(model):
    state = model.state_dict()
    for value in state.values():
        value[0] += 0.01
    model.load_state_dict(state)


learner = Learner(apart=False)
online = learner.online
noisy(online)
for _ in range(3):
    learner.learn()
