import torch
import torch.nn as nn
import torch.nn.functional as F

TASKS = {"age": 1, "gender": 2, "emotion": 5}


class MultiTask(nn.Module):
    def __init__(self, n_in=30, d=32):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(n_in, d), nn.LayerNorm(d), nn.GELU())
        self.heads = nn.ModuleDict({k: nn.Linear(d, n) for k, n in TASKS.items()})
        self.log_sigma = nn.ParameterDict({k: nn.Parameter(torch.zeros(())) for k in TASKS})
        self.future_head = nn.Linear(d, 7)

    def forward(self, x):
        h = self.trunk(x)
        return {k: head(h) for k, head in self.heads.items()}


def task_loss(name, pred, target):
    if name == "age":
        known = ~torch.isnan(target)
        return F.l1_loss(pred.squeeze(1)[known], target[known]) if known.any() else None
    known = target.ge(0)
    return F.cross_entropy(pred[known], target[known]) if known.any() else None


def collate(step, n=24):
    y = {"age": torch.rand(n) * 4, "gender": torch.randint(0, 2, (n,)), "emotion": torch.randint(0, 5, (n,))}
    y["age"][torch.rand(n) < 0.3] = float("nan")
    if step % 2 == 0:
        y["emotion"][:] = -1
    if step == 3:
        y["gender"][:] = -1
    return torch.randn(n, 30), y


torch.manual_seed(0)
model = MultiTask()
opt = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.0)
for step in range(6):
    x, y = collate(step)
    out, total, shown = model(x), 0.0, {}
    for k in TASKS:
        loss = task_loss(k, out[k], y[k])
        if loss is None:
            continue
        s = model.log_sigma[k]
        total = total + torch.exp(-2 * s) * loss + s
        shown[k] = round(loss.item(), 4)
    opt.zero_grad()
    total.backward()
    opt.step()
    print(step, round(total.item(), 4), shown)
