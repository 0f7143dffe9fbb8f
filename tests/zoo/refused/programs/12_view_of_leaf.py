# error: a view of a leaf Variable that requires grad is being used in an in-place operation
# kind: changed_in_place
# raised: error
# en: The same through a slice: `weight[0] = ...`, `weight[mask] *= ...`.
# ja: 同じことを、パラメータの一部分に対して行っています。`weight[0] = ...`、`weight[mask] *= ...` などです。
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model.weight[0] = 0
model(torch.randn(5, 4)).mean().backward()
optimizer.step()
# ---- instead ----
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
with torch.no_grad():
    model.weight[0] = 0
model(torch.randn(5, 4)).mean().backward()
optimizer.step()
