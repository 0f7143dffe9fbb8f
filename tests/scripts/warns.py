# Warnings of torch, from C++ and from Python, at the script's lines and as often as without us.
import warnings

import torch

model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
seen = []
warnings.showwarning = lambda message, kind, file, line, *rest: seen.append((kind.__name__, file == __file__, line))
for _ in range(3):
    output = model(torch.ones(4, 2))
    loss = torch.nn.functional.mse_loss(output, torch.ones(4))  # broadcasts: a warning from Python
    loss = loss + 0 * output.sum().reshape(1).T.sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    _ = output.grad  # of a tensor that is no leaf: a warning from C++
    float(output.sum())
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    torch.nn.functional.mse_loss(torch.ones(2, 1), torch.ones(2))
print(
    seen,
    [(one.filename == __file__, one.lineno) for one in caught],
    sorted(k[2] for k in __warningregistry__ if k != "version"),
)
block = torch.nn.Sequential(torch.nn.Linear(2, 1))
block.register_full_backward_hook(lambda *arguments: None)
seen.clear()
block(torch.ones(4, 2)).sum().backward()  # a warning that counts its frames from inside the backward pass
print(seen)
