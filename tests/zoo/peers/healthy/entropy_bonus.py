# A policy that is rewarded for entropy: a minus before a mean that is not a loss.
# peers: model=model optimizer=optimizer inputs=x targets=y loss=None
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(16, 10)
y = torch.randint(0, 4, (16,))
model = nn.Linear(10, 4)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(3):
    distribution = torch.distributions.Categorical(logits=model(x))
    optimizer.zero_grad()
    loss = -(distribution.log_prob(y) * torch.randn(16)).mean() - 0.01 * distribution.entropy().mean()
    loss.backward()
    optimizer.step()
