# expected: suspicious_shape
# The entropy of every step of every episode is one number before the mask is laid over it.
import torch
from torch import nn

policy = nn.Linear(4, 3)
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
for _ in range(2):
    states, returns = torch.randn(5, 7, 4), torch.randn(5, 7)
    lengths = torch.tensor([7, 6, 3, 7, 2])
    there = torch.arange(7)[None] < lengths[:, None]
    log_p = policy(states).log_softmax(-1)
    entropy = -(log_p.exp() * log_p).sum()  # <- suspicious_shape
    gained = log_p[..., 0] * returns * there
    optimizer.zero_grad()
    loss = -gained.sum() - 0.01 * (there * entropy).sum()
    (loss / lengths.sum()).backward()
    optimizer.step()
