# Modes of the script's own count operations, forward and backward.
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

counts = {"dispatch": 0, "function": 0}


class Dispatched(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        counts["dispatch"] += 1
        return func(*args, **(kwargs or {}))


class Called(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        counts["function"] += 1
        return func(*args, **(kwargs or {}))


model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(4):
    with FlopCounterMode(display=False) as flops, Dispatched(), Called():
        loss = model(torch.randn(5, 4)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(step, flops.get_total_flops(), counts)
