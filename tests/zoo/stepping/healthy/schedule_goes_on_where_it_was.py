# A resumed training: the scheduler is made first; in a second one it is made after, and taken forward to its place.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 2)


def saved(optimizer):
    found = optimizer.state_dict()
    made = {"step": torch.tensor(5.0), "exp_avg": torch.zeros(2, 4), "exp_avg_sq": torch.ones(2, 4)}
    found["state"] = {0: made, 1: {**made, "exp_avg": torch.zeros(2), "exp_avg_sq": torch.ones(2)}}
    found["param_groups"][0].update(lr=0.1 * 0.8**5, initial_lr=0.1)
    return found


for before in (True, False):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    state = saved(optimizer)
    if before:
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.8**epoch)
    optimizer.load_state_dict(state)
    if not before:
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.8**epoch, last_epoch=4)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(3, 4)).square().mean().backward()
        optimizer.step()
    scheduler.step()
# then a second phase, with a rate and a schedule of its own
optimizer.param_groups[0].update(lr=0.05, initial_lr=0.05)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(3, 4)).square().mean().backward()
    optimizer.step()
