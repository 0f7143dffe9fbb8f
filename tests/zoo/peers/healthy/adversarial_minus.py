# A domain discriminator, and a feature extractor that is to raise its loss: the minus is meant.
# peers: model=body optimizer=optimizer inputs=x targets=y loss=criterion
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
x, y, domain = torch.randn(16, 10), torch.randint(0, 3, (16,)), torch.randint(0, 2, (16,))
body = nn.Sequential(nn.Linear(10, 3))
critic = nn.Linear(3, 2)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(body.parameters(), lr=1e-3)
critic_optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3)
for _ in range(3):
    critic_optimizer.zero_grad()
    F.cross_entropy(critic(body(x).detach()), domain).backward()
    critic_optimizer.step()
    optimizer.zero_grad()
    features = body(x)
    loss = criterion(features, y) - 0.1 * F.cross_entropy(critic(features), domain)
    loss.backward()
    optimizer.step()
