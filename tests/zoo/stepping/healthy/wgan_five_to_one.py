# Five critic steps for one of the generator, weights clipped in between.
import torch
from torch import nn

generator, critic = nn.Linear(3, 5), nn.Linear(5, 1)
opt_g = torch.optim.RMSprop(generator.parameters(), lr=1e-3)
opt_c = torch.optim.RMSprop(critic.parameters(), lr=1e-3)
for step in range(10):
    opt_c.zero_grad()
    fake = generator(torch.randn(6, 3)).detach()
    (critic(fake).square().mean() - critic(torch.randn(6, 5)).mean()).backward()
    opt_c.step()
    for parameter in critic.parameters():
        parameter.data.clamp_(-0.05, 0.05)
    if step % 5 == 4:
        opt_g.zero_grad()
        (-critic(generator(torch.randn(6, 3))).mean()).backward()
        opt_g.step()
