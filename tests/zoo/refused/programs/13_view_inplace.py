# error: is a view and is being modified inplace
# kind: changed_in_place
# raised: error
# en: One of several views that one call gave (`unbind`, `split`, `chunk`) is written to.
# ja: 一度の呼び出し(`unbind`、`split`、`chunk`)が返した複数のビューの一つに、書き込んでいます。
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
first, second = model(torch.randn(5, 4)).chunk(2, dim=-1)
first += 1
(first * second).mean().backward()
optimizer.step()
# ---- instead ----
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
first, second = model(torch.randn(5, 4)).chunk(2, dim=-1)
first = first + 1
(first * second).mean().backward()
optimizer.step()
