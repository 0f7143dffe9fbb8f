# error: Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.
# kind: left_torch
# raised: advice
# en: torch's own advice silences the error and cuts the gradient: what comes back from NumPy is a new beginning. Below is the program with the advice followed.
# ja: torch の助言どおりにするとエラーは消えますが、勾配は切れます。NumPy から戻した値は新しい葉テンソルになり、計算グラフがつながらないからです。下は、助言に従ったプログラムです。
import numpy as np
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
output = model(torch.randn(5, 4))
roughness = np.abs(np.diff(output.detach().numpy(), axis=0)).mean()
(output.square().mean() + 0.1 * torch.tensor(roughness)).backward()
optimizer.step()
# ---- instead ----
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
output = model(torch.randn(5, 4))
roughness = output.diff(dim=0).abs().mean()
(output.square().mean() + 0.1 * roughness).backward()
optimizer.step()
