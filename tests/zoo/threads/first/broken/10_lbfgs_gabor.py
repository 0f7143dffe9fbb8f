import math

import torch
from torch import nn


class GaborGenerator(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.theta = nn.Parameter(torch.rand(1) * math.pi)
        self.sigma = nn.Parameter(torch.tensor([3.0]))
        self.freq = nn.Parameter(torch.tensor([0.25]))
        self.phase = nn.Parameter(torch.rand(1))
        ax = torch.arange(size, dtype=torch.float32) - size / 2
        yy, xx = torch.meshgrid(ax, ax, indexing="ij")
        self.register_buffer("xx", xx)
        self.register_buffer("yy", yy)

    def forward(self):
        u = self.xx * torch.cos(self.theta) + self.yy * torch.sin(self.theta)
        v = -self.xx * torch.sin(self.theta) + self.yy * torch.cos(self.theta)
        env = torch.exp(-(u ** 2 + v ** 2) / (2 * self.sigma ** 2))
        return env * torch.cos(2 * math.pi * self.freq * u + self.phase)


def trainer_fn(gabor_generator, model_neuron, epochs=5, fixed_std=0.05):
    optimizer = torch.optim.LBFGS(gabor_generator.parameters(), lr=0.1, max_iter=10)
    history = []
    for epoch in range(epochs):
        optimizer.zero_grad()
        gabor = gabor_generator()
        gabor = fixed_std * gabor / gabor.std()
        loss = -model_neuron(gabor)
        loss.backward()

        def closure():
            return loss

        optimizer.step(closure)
        history.append(loss.item())
        print(f"epoch {epoch}: activation {-loss.item():.5f}")
    return history


torch.manual_seed(9)
receptive_field = torch.randn(24, 24)
generator = GaborGenerator()
trainer_fn(generator, lambda img: (img * receptive_field).sum().tanh())
