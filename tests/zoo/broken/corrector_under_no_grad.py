# expected: grad_disabled
# A mask is learnt through a frozen corrector that is called with gradient off; the penalty alone still trains it.
import torch
from torch import nn


class Corrector(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(7, 9), nn.Linear(9, 6)

    def forward(self, x, level):
        x = torch.cat([x, level.expand(len(x), 1)], dim=1)
        return self.outer(self.inner(x).tanh())


class Pipeline(nn.Module):
    def __init__(self):
        super().__init__()
        self.corrector, self.judge = Corrector(), nn.Linear(6, 3)

    def forward(self, x):
        with torch.no_grad():
            x = self.corrector(x, torch.tensor([0.2]))  # <- grad_disabled
        return self.judge(x)


pipeline = Pipeline().requires_grad_(False)
mask = torch.full((1, 6), 0.3, requires_grad=True)
wrt = {"mask": mask}
images, labels = torch.randn(5, 6), torch.tensor([0, 2, 1, 1, 0])


def loss():
    fooled = nn.functional.cross_entropy(pipeline(images + mask), labels)
    return fooled + 0.1 * mask.abs().sum()
