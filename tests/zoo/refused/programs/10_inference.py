# error: Inference tensors cannot be saved for backward
# kind: grad_disabled
# raised: error
# en: What `inference_mode` makes can never be part of a graph, not even outside the block. `no_grad` is less strict, and for a frozen network in the middle neither is right.
# ja: `inference_mode` の中で作った値は、外に出てもグラフの一部になれません。`no_grad` はそれより緩やかですが、途中に置く凍結したネットワークには、どちらも使えません。
import torch

torch.manual_seed(0)
backbone, head = torch.nn.Linear(4, 4), torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
with torch.inference_mode():
    features = backbone(torch.randn(5, 4))
head(features).mean().backward()
optimizer.step()
# ---- instead ----
import torch

torch.manual_seed(0)
backbone, head = torch.nn.Linear(4, 4), torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
with torch.no_grad():  # nothing in front of the backbone learns
    features = backbone(torch.randn(5, 4))
head(features).mean().backward()
optimizer.step()
