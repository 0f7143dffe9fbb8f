# torch patched by the script, a default device, gradients kept by identity, references that die, an import of backward.
import gc
import weakref

import torch
from torch.autograd import backward

original = torch.Tensor.backward
counts = {"patched": 0}


def patched(self, *arguments, **options):
    counts["patched"] += 1
    return original(self, *arguments, **options)


torch.Tensor.backward = patched
torch.set_default_device("cpu")
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
kept, died = None, []
for step in range(4):
    hidden = model(torch.randn(5, 4))
    died.append(weakref.ref(hidden))
    loss = hidden.square().mean()
    optimizer.zero_grad(set_to_none=False)
    loss.backward() if step % 2 else backward(loss)
    kept = kept if kept is not None else model.weight.grad
    optimizer.step()
    del hidden, loss
gc.collect()
print(counts, kept is model.weight.grad, [one() is None for one in died], model.weight.tolist())
torch.Tensor.backward = original
torch.set_default_device(None)
