# Online and target network share a trunk that is frozen: only the heads differ.
import torch
from torch import nn

torch.manual_seed(0)


def values(trunk):
    return nn.Sequential(trunk, nn.ReLU(), nn.Linear(16, 2))


trunk = nn.Linear(4, 16).requires_grad_(False)
online, target = values(trunk), values(trunk)
target.load_state_dict(online.state_dict())
optimizer = torch.optim.Adam(online[2].parameters(), lr=1e-3)
for _ in range(4):
    state, action, reward, after = torch.randn(8, 4), torch.randint(0, 2, (8, 1)), torch.randn(8), torch.randn(8, 4)
    with torch.no_grad():
        wanted = reward + 0.9 * target(after).max(1).values
    optimizer.zero_grad()
    nn.functional.mse_loss(online(state).gather(1, action).squeeze(1), wanted).backward()
    optimizer.step()
