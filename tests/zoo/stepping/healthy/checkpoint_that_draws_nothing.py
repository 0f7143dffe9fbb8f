# Without the generator's state where nothing is drawn, and with it where something is; reentrant and not.
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

plain, noisy, still = nn.Linear(6, 6), nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.3)), nn.Dropout(0.5).eval()
optimizer = torch.optim.SGD([*plain.parameters(), *noisy.parameters()], lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    x = torch.randn(8, 6, requires_grad=True)
    x = checkpoint(lambda value: still(plain(value)).tanh(), x, use_reentrant=False, preserve_rng_state=False)
    x = checkpoint(noisy, x, use_reentrant=True)
    x = nn.functional.dropout(checkpoint(plain, x, use_reentrant=True, preserve_rng_state=False), 0.1)
    x.square().mean().backward()
    optimizer.step()
