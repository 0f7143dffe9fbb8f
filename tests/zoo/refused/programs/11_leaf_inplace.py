# error: a leaf Variable that requires grad is being used in an in-place operation
# kind: changed_in_place
# raised: error
# en: A parameter is written to while autograd looks on: an initialisation, a clamp or an average of weights outside `no_grad`.
# ja: autograd が記録している間に、パラメータへ書き込んでいます。初期化、clamp、重みの平均などを `no_grad` の外で行うとこうなります。
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model.weight.mul_(0.5)
model(torch.randn(5, 4)).mean().backward()
optimizer.step()
# ---- instead ----
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
with torch.no_grad():
    model.weight.mul_(0.5)
model(torch.randn(5, 4)).mean().backward()
optimizer.step()
