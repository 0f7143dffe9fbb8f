# A line to 0 over all batches, a rate that rests and comes back, and one player that is held from a step on.
import torch
from torch import nn

torch.manual_seed(0)
epochs, batches = 3, torch.randn(4, 8, 3)
model, player = nn.Linear(3, 1), nn.Linear(3, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
held = torch.optim.SGD(player.parameters(), lr=0.1)
falls = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda turn: max(0.0, 1 - turn / (epochs * len(batches))))
for epoch in range(epochs):
    for batch in batches:
        optimizer.zero_grad()
        held.zero_grad()
        wanted = batch.sum(1, keepdim=True)
        nn.functional.mse_loss(model(batch), wanted).backward()
        nn.functional.mse_loss(player(batch), wanted).backward()
        optimizer.step()
        falls.step()
        held.step()
    held.param_groups[0]["lr"] = 0.0
