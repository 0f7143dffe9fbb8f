# expected: stale
# The optimizer is given a leaf, and the loop computes with a copy of it in another type, made once.
import torch

torch.manual_seed(0)
weight = torch.randn(8, 1, requires_grad=True)
optimizer = torch.optim.SGD([weight], lr=0.1)
model = weight.double()  # <- stale
inputs = torch.randn(16, 8).double()
for _ in range(3):
    loss = (inputs @ model).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
