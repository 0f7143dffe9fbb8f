# error: Detected call of `lr_scheduler.step()` before `optimizer.step()`
# kind: never_stepped
# raised: warning
# en: Harmless where the two are only in the wrong order. Here `optimizer.step()` is never called at all, and the warning is the only sign.
# ja: 順序が逆なだけなら害はありません。ここでは `optimizer.step()` が一度も呼ばれておらず、この警告が唯一の手がかりです。
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10)
inputs, targets = torch.randn(8, 4), torch.randn(8, 1)
for step in range(4):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(model(inputs), targets).backward()
    schedule.step()
# ---- instead ----
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10)
inputs, targets = torch.randn(8, 4), torch.randn(8, 1)
for step in range(4):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()
    schedule.step()
