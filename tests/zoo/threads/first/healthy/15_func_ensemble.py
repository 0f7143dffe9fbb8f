import copy

import torch
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

torch.manual_seed(0)
N_MODELS, STEPS = 4, 6


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


models = [MLP() for _ in range(N_MODELS)]
params, buffers = stack_module_state(models)
params = {k: v.detach() for k, v in params.items()}
skeleton = copy.deepcopy(models[0]).to("meta")


def loss_fn(p, b, x, y):
    return nn.functional.mse_loss(functional_call(skeleton, (p, b), (x,)), y)


def adam_init(p):
    return {k: (torch.zeros_like(v), torch.zeros_like(v)) for k, v in p.items()}


def adam_update(p, g, state, t, lr=2e-2, b1=0.9, b2=0.999, eps=1e-8):
    new_p, new_s = {}, {}
    for k in p:
        m, v = state[k]
        m = b1 * m + (1 - b1) * g[k]
        v = b2 * v + (1 - b2) * g[k] ** 2
        new_p[k] = p[k] - lr * (m / (1 - b1 ** t)) / ((v / (1 - b2 ** t)).sqrt() + eps)
        new_s[k] = (m, v)
    return new_p, new_s


x = torch.rand(N_MODELS, 64, 2) * 2 - 1
y = (x[..., 0] * 3).sin() + x[..., 1] ** 2
state = adam_init(params)
step_fn = vmap(grad_and_value(loss_fn), in_dims=(0, 0, 0, 0))
for t in range(1, STEPS + 1):
    grads, losses = step_fn(params, buffers, x, y)
    params, state = adam_update(params, grads, state, t)
    print(t, [round(l, 4) for l in losses.tolist()])
with torch.no_grad():
    final = vmap(loss_fn)(params, buffers, x, y)
print("final", final.mean().item())
