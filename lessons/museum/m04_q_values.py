"""Learns the value of actions on a line of cells, with a slow copy of the net as its target."""

import copy
import random

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(4)
random.seed(4)
CELLS, DISCOUNT, SLOWNESS = 6, 0.9, 0.95


class Values(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(CELLS, 24), nn.ReLU(), nn.Linear(24, 2))

    def forward(self, cells):
        return self.net(F.one_hot(cells, CELLS).float())


class Walk:
    """Left and right; the last cell pays."""

    def __init__(self):
        self.cell = 0

    def step(self, action):
        before = self.cell
        self.cell = min(CELLS - 1, max(0, self.cell + (1 if action else -1)))
        reward, over = (1.0, True) if self.cell == CELLS - 1 else (0.0, False)
        after = self.cell
        if over:
            self.cell = 0
        return before, action, reward, after, over


def choose(values, cell, chance):
    if random.random() < chance:
        return random.randrange(2)
    with torch.no_grad():
        return int(values(torch.tensor([cell])).argmax(-1).item())


def columns(memory, size):
    cells, actions, rewards, after, over = zip(*random.sample(memory, size), strict=True)
    return (torch.tensor(cells), torch.tensor(actions), torch.tensor(rewards), torch.tensor(after),
            torch.tensor(over).float())  # fmt: skip


def td_loss(values, target, batch):
    cells, actions, rewards, after, over = batch
    chosen = values(cells).gather(1, actions[:, None]).squeeze(1)
    with torch.no_grad():
        best = target(after).max(-1).values
        aim = rewards + DISCOUNT * (1 - over) * best
    return F.smooth_l1_loss(chosen, aim)


def follow(target, values):
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), values.parameters(), strict=True):
            slow.mul_(SLOWNESS).add_(fast, alpha=1 - SLOWNESS)


def main(steps=300):
    values = Values()
    target = copy.deepcopy(values).requires_grad_(False)
    optimizer = torch.optim.Adam(values.parameters(), lr=3e-3)
    walk, memory = Walk(), []
    for step in range(steps):
        memory.append(walk.step(choose(values, walk.cell, chance=max(0.1, 1 - step / 200))))
        if len(memory) < 32:
            continue
        loss = td_loss(values, target, columns(memory, 32))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        follow(target, values)
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.4f}")
    with torch.no_grad():
        print("best actions", values(torch.arange(CELLS - 1)).argmax(-1).tolist())


if __name__ == "__main__":
    main()
