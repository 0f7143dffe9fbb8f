import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)


class VelocityNet(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim + 1, 64), nn.SiLU(), nn.Linear(64, dim))

    def forward(self, x, t):
        return self.net(torch.cat([x, t], dim=1))


def flow_loss(model, x1):
    x0 = torch.randn_like(x1)
    t = torch.rand(x1.size(0), 1)
    xt = (1 - t) * x0 + t * x1
    return F.mse_loss(model(xt, t), x1 - x0)


global_batch_size = 64
micro_batch_size = 16
grad_accum_steps = global_batch_size // micro_batch_size
clip_grad = 1.0

latents = torch.randn(256, 8) @ torch.randn(8, 8) * 0.5 + 1.0
loader = DataLoader(TensorDataset(latents), batch_size=micro_batch_size, shuffle=True, drop_last=True)

model = VelocityNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)

running_loss, train_steps = 0.0, 0
for epoch in range(2):
    model.train()
    for step, (x,) in enumerate(loader):
        optimizer.zero_grad(set_to_none=True)
        loss = flow_loss(model, x) / grad_accum_steps
        loss.backward()
        running_loss += loss.item()
        if (step + 1) % grad_accum_steps == 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip_grad)
            optimizer.step()
            train_steps += 1
            print(f"(step={train_steps:04d}) train loss: {running_loss:.4f}")
            running_loss = 0.0
