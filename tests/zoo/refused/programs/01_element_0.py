# error: element 0 of tensors does not require grad and does not have a grad_fn
# kind: discrete_op
# raised: error
# en: The value that `backward()` was called on has no graph: somewhere before, it was cut off from the model. The line of `backward()` is innocent.
# ja: `backward()` を呼んだ値に計算グラフがありません。それより前のどこかで、モデルから切り離されています。`backward()` の行が悪いのではありません。
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
images, labels = torch.randn(8, 4), torch.randint(3, (8,))
wrong = (model(images).argmax(-1) != labels).float().mean()
wrong.backward()
optimizer.step()
# ---- instead ----
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
images, labels = torch.randn(8, 4), torch.randint(3, (8,))
right = model(images).softmax(-1).gather(1, labels[:, None])
(1 - right).mean().backward()  # the expected number of mistakes has a gradient, the counted one has none
optimizer.step()
