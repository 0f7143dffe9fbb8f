# expected: mispaired
# thread: ray-project/ray#8889
# The action is clipped before it is kept; the log-probability beside it is of the one that was drawn.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 2)
optimizer = torch.optim.Adam(model.parameters())


@torch.no_grad()
def rollout():
    kept = []
    for _ in range(8):
        state = torch.randn(3)
        choice = torch.distributions.Normal(model(state), 1.0)
        action = choice.sample()
        old = choice.log_prob(action).sum()
        action = action.clamp(-0.5, 0.5)
        kept.append((state, action, old, -action.square().sum()))
    return [torch.stack(part) for part in zip(*kept)]


for _ in range(2):
    states, actions, old, rewards = rollout()
    gains = rewards - rewards.mean()
    for picked in torch.randperm(8).split(4):
        new = torch.distributions.Normal(model(states[picked]), 1.0).log_prob(actions[picked]).sum(-1)
        ratio = (new - old[picked]).exp()  # <- mispaired
        optimizer.zero_grad()
        (-torch.min(ratio * gains[picked], ratio.clamp(0.8, 1.2) * gains[picked])).mean().backward()
        optimizer.step()
