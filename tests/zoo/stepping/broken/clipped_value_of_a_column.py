# expected: suspicious_shape
# The value is (batch,), the returns and the values of the rollout are (batch, 1): the worse of two errors, of all pairs.
import torch
from torch import nn

torch.manual_seed(0)
critic = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2)
for _ in range(2):
    states = torch.randn(6, 4)
    with torch.no_grad():
        before = critic(states)
        returns = before + torch.randn(6, 1)
    value = critic(states).squeeze(-1)
    clipped = before + (value - before).clamp(-0.2, 0.2)  # <- suspicious_shape
    loss = torch.max((returns - value) ** 2, (returns - clipped) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
