# Children that leave in every way say nothing; the parent goes on.
import os
import sys

import torch

torch.manual_seed(0)
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(4):
    optimizer.zero_grad()
    model(torch.ones(1, 2)).square().sum().backward()
    optimizer.step()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        if step == 0:
            os._exit(3)
        optimizer.zero_grad()
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        print("child", step)
        if step == 1:
            sys.exit(5)
        if step == 2:
            raise KeyError(step)
        break
    print(step, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print("end", model.weight.tolist())
