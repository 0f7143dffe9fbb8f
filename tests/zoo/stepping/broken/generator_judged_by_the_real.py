# expected: constant
# The generator's adversarial term is computed on the real samples: only the discriminator gets anything of it.
import torch
from torch import nn

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3))
judge = nn.Sequential(nn.Linear(3, 8), nn.LeakyReLU(), nn.Linear(8, 1))
making = torch.optim.Adam(generator.parameters(), lr=1e-3)
judging = torch.optim.Adam(judge.parameters(), lr=1e-3)
criterion = nn.BCEWithLogitsLoss()
for _ in range(4):
    real, noise = torch.randn(8, 3), torch.randn(8, 2)
    fake = generator(noise)
    judging.zero_grad()
    of_real, of_fake = judge(real), judge(fake.detach())
    (criterion(of_real, torch.ones(8, 1)) + criterion(of_fake, torch.zeros(8, 1))).backward()
    judging.step()
    making.zero_grad()
    score = judge(real)  # <- constant
    adversarial = criterion(score, torch.ones(8, 1))
    loss = nn.functional.l1_loss(fake, real) + 0.1 * adversarial
    loss.backward()
    making.step()
