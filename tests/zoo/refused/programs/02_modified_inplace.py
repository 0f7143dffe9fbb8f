# error: one of the variables needed for gradient computation has been modified by an inplace operation
# kind: changed_in_place
# raised: error
# en: A value that the backward pass needs was overwritten after it was computed: by `+=`, `x[...] =`, `relu(inplace=True)`, or an optimizer's step.
# ja: 逆伝播に必要な値が、計算のあとで上書きされています。`+=`、`x[...] =`、`relu(inplace=True)`、オプティマイザの step などで起こります。
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
hidden = model(torch.randn(5, 4)).sigmoid()
hidden += 1
hidden.mean().backward()
optimizer.step()
# ---- instead ----
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
hidden = model(torch.randn(5, 4)).sigmoid()
hidden = hidden + 1  # a new tensor; the sigmoid's own result stays for its backward
hidden.mean().backward()
optimizer.step()
