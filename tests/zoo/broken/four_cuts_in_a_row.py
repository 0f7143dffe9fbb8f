# expected: detach left_torch new_leaf
# A critic's score on its way through a logger: detach, NumPy, a rounded number, a new tensor.
import numpy
import torch
from torch import nn

actor, critic = nn.Linear(4, 2), nn.Linear(6, 1)
wrt = actor


class Logger:
    def __init__(self):
        self.rows = []

    def log(self, tensor):
        self.rows.append(tensor.detach())  # <- detach
        return self.rows[-1]

    def mean(self):
        array = numpy.stack([row.numpy() for row in self.rows])  # <- left_torch
        return torch.tensor(float(array.mean()))  # <- new_leaf


def loss():
    state, logger = torch.randn(8, 4), Logger()
    action = actor(state)
    logger.log(critic(torch.cat([state, action], -1)))
    return {"size": action.square().mean(), "score": -logger.mean()}
