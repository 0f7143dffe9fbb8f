# expected: never_stepped
# A straight line to 0 in as many turns as there are epochs, taken for every batch.
import torch
from torch import nn

torch.manual_seed(0)
epochs, batches = 4, torch.randn(5, 8, 3)
model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
falls = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda turn: max(0.0, 1 - turn / epochs))
for _ in range(epochs):
    for batch in batches:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(batch), batch.prod(1, keepdim=True)).backward()
        optimizer.step()
        falls.step()  # <- never_stepped
