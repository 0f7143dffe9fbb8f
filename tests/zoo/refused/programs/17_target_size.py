# error: Using a target size ... that is different to the input size
# kind: suspicious_shape
# raised: warning
# en: A warning, and the training goes on: (N, 1) predictions against (N,) targets compare every prediction with every target, and the mean is learnt.
# ja: 警告だけで、学習は続きます。(N, 1) の予測と (N,) の正解は総当たりで比べられ、モデルは平均を予測するようになります。
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs, targets = torch.randn(8, 4), torch.randn(8)
for step in range(3):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()
# ---- instead ----
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs, targets = torch.randn(8, 4), torch.randn(8)
for step in range(3):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(model(inputs).squeeze(-1), targets).backward()
    optimizer.step()
