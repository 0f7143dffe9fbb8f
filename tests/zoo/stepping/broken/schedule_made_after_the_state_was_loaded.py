# expected: state_not_restored
# thread: torch-points3d/torch-points3d#630
# The optimizer's state is loaded before its scheduler is made, whose constructor takes the rate back to the beginning.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
saved = optimizer.state_dict()
made = {"step": torch.tensor(5.0), "exp_avg": torch.zeros(2, 4), "exp_avg_sq": torch.ones(2, 4)}
saved["state"] = {0: made, 1: {**made, "exp_avg": torch.zeros(2), "exp_avg_sq": torch.ones(2)}}
saved["param_groups"][0].update(lr=0.01, initial_lr=0.1)
optimizer.load_state_dict(saved)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.8**epoch)  # <- state_not_restored
scheduler.load_state_dict({**scheduler.state_dict(), "last_epoch": 10, "_step_count": 11})
for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(3, 4)).square().mean().backward()
    optimizer.step()
