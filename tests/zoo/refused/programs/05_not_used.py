# error: The differentiated Tensor at index 0 appears to not have been used in the graph
# kind: constant
# raised: error
# also: in older torch `One of the differentiated Tensors appears to not have been used in the graph`
# also_ja: 古い torch では `One of the differentiated Tensors appears to not have been used in the graph`
# en: `torch.autograd.grad` was asked about a tensor that the loss does not depend on. `allow_unused=True` gives None and the dependence is still missing.
# ja: `torch.autograd.grad` に、損失が依存していないテンソルを渡しました。`allow_unused=True` なら None になりますが、依存していないことに変わりはありません。
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
images = torch.randn(5, 4)
images.requires_grad_(True)
copy = images.clone()
loss = model(images).square().mean()
torch.autograd.grad(loss, copy)
# ---- instead ----
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
images = torch.randn(5, 4)
images.requires_grad_(True)
loss = model(images).square().mean()
torch.autograd.grad(loss, images)  # the very tensor that the loss was computed from
