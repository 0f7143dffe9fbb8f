import warnings
import torch
from torch import nn

torch.manual_seed(0)
warnings.simplefilter("ignore")


class Unroll(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.step = nn.Linear(dim + 1, dim)
        self.out = nn.Linear(dim, 1)
        nn.init.orthogonal_(self.step.weight[:, :dim].data, gain=1.25)
        self.dim = dim

    def forward(self, x):
        h = x.new_zeros(x.size(0), self.dim)
        for value in x.unbind(1):
            h = nn.functional.leaky_relu(self.step(torch.cat([h, value[:, None]], dim=1)), 0.3)
        return self.out(h).squeeze(-1)


class Fitter:
    def __init__(self, model, lr, max_norm):
        self.model, self.max_norm = model, max_norm
        self.trainable = filter(lambda p: p.requires_grad, model.parameters())
        self.optim = torch.optim.SGD(self.trainable, lr=lr, momentum=0.9)
        self.history = []

    def train_step(self, x, y):
        loss = nn.functional.mse_loss(self.model(x), y)
        self.optim.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.trainable, self.max_norm)
        self.optim.step()
        self.history.append((loss.item(), float(norm)))


def sums(n, length=20):
    x = torch.rand(n, length)
    return x, x.mean(1) * 4


fitter = Fitter(Unroll(), lr=0.01, max_norm=1.0)
for step in range(100):
    fitter.train_step(*sums(32))
    if step % 20 == 0 or step < 3:
        loss, norm = fitter.history[-1]
        print(f"{step} loss {loss:.4g} reported norm {norm:.4g}")
