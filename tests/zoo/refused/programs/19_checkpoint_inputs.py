# error: None of the inputs have requires_grad=True. Gradients will be None
# kind: grad_disabled
# raised: warning
# en: A warning of the older, reentrant checkpoint: where no tensor handed in wants a gradient, the whole part inside gets none, its weights included.
# ja: 古い(再入型の)チェックポイントの警告です。渡したテンソルの `requires_grad` がどれも `False` だと、中の重みも含めて、どこにも勾配が届きません。
import torch
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)
embedding, head = torch.nn.Embedding(9, 4), torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD([*embedding.parameters(), *head.parameters()], lr=0.1)
ids = torch.randint(9, (8,))
for step in range(3):
    optimizer.zero_grad()
    head(checkpoint(embedding, ids, use_reentrant=True)).square().mean().backward()
    optimizer.step()
# ---- instead ----
import torch
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)
embedding, head = torch.nn.Embedding(9, 4), torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD([*embedding.parameters(), *head.parameters()], lr=0.1)
ids = torch.randint(9, (8,))
for step in range(3):
    optimizer.zero_grad()
    head(checkpoint(embedding, ids, use_reentrant=False)).square().mean().backward()
    optimizer.step()
