# expected: ok
# BYOL: the target network is an average of the online one and gives detached targets.
import copy

import torch
import torch.nn.functional as F
from torch import nn

online = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))
predictor = nn.Linear(4, 4)
target = copy.deepcopy(online).requires_grad_(False)
wrt = {"online": online, "predictor": predictor}


@torch.no_grad()
def update(momentum=0.99):
    for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
        slow.mul_(momentum).add_(fast, alpha=1 - momentum)


def regression(prediction, goal):
    return 2 - 2 * F.cosine_similarity(prediction, goal.detach(), dim=-1).mean()


def loss():
    update()
    one, two = torch.randn(8, 6), torch.randn(8, 6)
    with torch.no_grad():
        goal_one, goal_two = target(one), target(two)
    return regression(predictor(online(one)), goal_two) + regression(predictor(online(two)), goal_one)
