# Hooks of every sort count, average and change gradients.
import torch

counts = dict.fromkeys(
    ["tensor", "leaf", "accumulated", "module", "module_pre", "old", "node", "node_pre", "forward"], 0
)
average = torch.zeros(3)


def counting(name):
    def hook(*arguments):
        counts[name] += 1

    return hook


def averaging(gradient):
    counts["tensor"] += 1
    average.mul_(0.9).add_(gradient.mean(0), alpha=0.1)
    return gradient * 1.5


model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
model[0].register_full_backward_hook(counting("module"))
model[2].register_full_backward_pre_hook(counting("module_pre"))
model[1].register_forward_hook(counting("forward"))
model[0].weight.register_hook(lambda gradient: counting("leaf")())
model[2].bias.register_post_accumulate_grad_hook(counting("accumulated"))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(4):
    hidden = model[0](torch.randn(5, 4))
    hidden.register_hook(averaging)
    hidden.grad_fn.register_hook(counting("node"))
    output = model[2](model[1](hidden))
    output.grad_fn.register_prehook(counting("node_pre"))
    optimizer.zero_grad()
    output.square().mean().backward()
    optimizer.step()
print(counts, average.tolist(), model[0].weight.tolist())
print(model[0].weight._backward_hooks is not None, model[2].weight._backward_hooks, len(model[0]._backward_hooks))
