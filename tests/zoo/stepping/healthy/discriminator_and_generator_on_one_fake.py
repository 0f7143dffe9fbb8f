# The fake is made once a turn and judged twice; between the two the discriminator steps, and the generator does not.
import torch
from torch import nn

torch.manual_seed(0)
model = generator = nn.Linear(3, 2)
discriminator = nn.Linear(2, 1)
for_generator = torch.optim.SGD(generator.parameters(), lr=0.1)
for_discriminator = torch.optim.SGD(discriminator.parameters(), lr=0.1)
for turn in range(4):
    fake, real = generator(torch.randn(8, 3)), torch.randn(8, 2)
    if turn > 0:  # the first turn is the generator's alone
        loss = discriminator(fake).tanh().mean() - discriminator(real).tanh().mean()
        for_discriminator.zero_grad()
        loss.backward(retain_graph=True)
        for_discriminator.step()
    fooled = -discriminator(fake).tanh().mean()
    for_generator.zero_grad()
    fooled.backward()
    for_generator.step()
