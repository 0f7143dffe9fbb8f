import copy
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

torch.manual_seed(18)


class SimpleMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(6, 32), nn.Linear(32, 3)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


models = [SimpleMLP() for _ in range(5)]
params, buffers = stack_module_state(models)
params = {k: v.detach() for k, v in params.items()}
base_model = copy.deepcopy(models[0]).to('meta')


def compute_loss(p, b, x, y):
    logits = functional_call(base_model, (p, b), (x,))
    return F.cross_entropy(logits, y)


step_fn = vmap(grad_and_value(compute_loss), in_dims=(0, 0, None, None), randomness='same')
centers = torch.randn(3, 6)
momentum = {k: torch.zeros_like(v) for k, v in params.items()}
lr = 0.1
for it in range(151):
    y = torch.randint(0, 3, (32,))
    x = centers[y] + 0.8 * torch.randn(32, 6)
    grads, losses = step_fn(params, buffers, x, y)
    with torch.no_grad():
        for k in params:
            momentum[k] = 0.9 * momentum[k] + grads[k]
            params[k] = params[k] - lr * momentum[k]
    if it % 30 == 0:
        print(it, "losses", [round(v, 4) for v in losses.tolist()])

for i, m in enumerate(models):
    m.load_state_dict({k: v[i] for k, v in params.items()})
y = torch.randint(0, 3, (256,))
x = centers[y] + 0.8 * torch.randn(256, 6)
print("ensemble acc %.3f" % (torch.stack([m(x) for m in models]).mean(0).argmax(1) == y).float().mean().item())
