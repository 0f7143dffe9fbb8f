# expected: never_stepped
# LambdaLR multiplies by an integer division, which is 0 for the whole run.
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
loader = DataLoader(TensorDataset(torch.randn(24, 5), torch.randn(24, 1)), batch_size=8)
model = nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.Linear(8, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)  # <- never_stepped
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (step + 1) // 1000)
for x, y in loader:
    optimizer.zero_grad()
    nn.functional.huber_loss(model(x), y).backward()
    optimizer.step()
    schedule.step()
