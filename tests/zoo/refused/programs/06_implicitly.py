# error: grad can be implicitly created only for scalar outputs
# kind: suspicious_shape
# raised: error
# en: The loss is several numbers: a `reduction="none"`, a forgotten `.mean()`.
# ja: 損失がスカラーになっていません。`reduction="none"` を使っているか、`.mean()` を付け忘れています。
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = torch.nn.CrossEntropyLoss(reduction="none")
loss = criterion(model(torch.randn(8, 4)), torch.randint(3, (8,)))
loss.backward()
optimizer.step()
# ---- instead ----
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = torch.nn.CrossEntropyLoss(reduction="none")
loss = criterion(model(torch.randn(8, 4)), torch.randint(3, (8,))).mean()
loss.backward()
optimizer.step()
