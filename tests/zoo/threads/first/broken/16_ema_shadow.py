from contextlib import contextmanager

import torch
import torch.nn as nn


class ExponentialMovingAverage:
    def __init__(self, parameters, decay=0.9):
        parameters = list(parameters)
        self.decay = decay
        self.shadow_params = [p.clone().detach() for p in parameters]
        self.params = parameters
        self.stored = None

    @torch.no_grad()
    def update(self):
        one_minus_decay = 1.0 - self.decay
        for s_param, param in zip(self.shadow_params, self.params):
            s_float, p_float = s_param.float(), param.float()
            gap = s_float - p_float
            s_float.add_(gap * one_minus_decay)
            s_param.copy_(s_float)

    @contextmanager
    def average(self):
        self.stored = [p.detach().clone() for p in self.params]
        for s, p in zip(self.shadow_params, self.params):
            p.data.copy_(s)
        try:
            yield
        finally:
            for c, p in zip(self.stored, self.params):
                p.data.copy_(c)


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 1))
ema = ExponentialMovingAverage(model.parameters())
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
x = torch.randn(128, 12)
y = x[:, :3].sum(1, keepdim=True)
for step in range(6):
    loss = nn.functional.mse_loss(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    ema.update()
    with torch.no_grad(), ema.average():
        ema_loss = nn.functional.mse_loss(model(x), y)
    print(f"step {step}: loss {loss.item():.4f}, ema {ema_loss.item():.4f}")
