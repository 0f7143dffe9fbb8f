import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

ACCUM = 4

torch.manual_seed(0)
x = torch.randn(88, 16)
y = (x[:, :4].sum(1) > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True)

model = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 2))
decay = [p for n, p in model.named_parameters() if p.ndim > 1]
other = [p for n, p in model.named_parameters() if p.ndim <= 1]
optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05}, {"params": other, "weight_decay": 0.0}], lr=5e-3)

optimizer.zero_grad(set_to_none=True)
for epoch in range(3):
    n_batches = len(loader)
    seen, running, updates = 0, 0.0, 0
    for i, (xb, yb) in enumerate(loader):
        last_group_start = (n_batches // ACCUM) * ACCUM
        group = ACCUM if i < last_group_start else n_batches - last_group_start
        loss = nn.functional.cross_entropy(model(xb), yb)
        (loss / group).backward()
        running += loss.item() * len(xb)
        seen += len(xb)
        if (i + 1) % ACCUM == 0 or i + 1 == n_batches:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            updates += 1
    print(f"epoch {epoch}: loss {running / seen:.4f}, {updates} updates")
