# error: torch.utils.checkpoint: A different number of tensors was saved during the original forward and recomputation
# kind: changed_in_place
# raised: error
# en: A checkpointed part is run a second time for the backward pass, and did something else then: it depends on a counter, a cache or a random choice of its own.
# ja: チェックポイントした部分は逆伝播のときにもう一度実行されますが、二度目の動作が一度目と違います。カウンタ、キャッシュ、独自の乱数などに依存しています。
import torch
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)
model = torch.nn.Linear(4, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
seen = []


def stretch(value):
    seen.append(1)
    return model(value).exp().exp() if len(seen) == 1 else model(value).exp()


checkpoint(stretch, torch.randn(5, 4), use_reentrant=False).mean().backward()
optimizer.step()
# ---- instead ----
import torch
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)
model = torch.nn.Linear(4, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def stretch(value, twice):
    return model(value).exp().exp() if twice else model(value).exp()


checkpoint(stretch, torch.randn(5, 4), True, use_reentrant=False).mean().backward()  # what it depends on is handed in
optimizer.step()
