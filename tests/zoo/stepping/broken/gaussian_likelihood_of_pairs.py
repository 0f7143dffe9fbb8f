# expected: suspicious_shape
# A likelihood by hand: the mean is (batch, 1), the target (batch,), divided by a spread.
import torch
from torch import nn

torch.manual_seed(0)
mean_net, log_spread = nn.Linear(5, 1), nn.Parameter(torch.zeros(()))
model = mean_net
optimizer = torch.optim.SGD([*mean_net.parameters(), log_spread], lr=0.01)
for _ in range(3):
    x, y = torch.randn(9, 5), torch.randn(9)
    z = (y - mean_net(x)) / log_spread.exp()  # <- suspicious_shape
    nll = (0.5 * z**2 + log_spread).mean()
    optimizer.zero_grad()
    nll.backward()
    optimizer.step()
