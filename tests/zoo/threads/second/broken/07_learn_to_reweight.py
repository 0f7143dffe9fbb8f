import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call

torch.manual_seed(6)


def make_data(n, flip):
    x = torch.randn(n, 8)
    y = (x[:, 0] + 0.5 * x[:, 1] > 0).float()
    noisy = torch.rand(n) < flip
    return x, torch.where(noisy, 1 - y, y)


x_train, y_train = make_data(400, 0.35)
x_val, y_val = make_data(40, 0.0)

net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
meta_lr = 0.1

for it in range(6):
    idx = torch.randint(0, 400, (64,))
    image, labels = x_train[idx], y_train[idx]

    # virtual step with perturbed example weights
    params = dict(net.named_parameters())
    y_f_hat = functional_call(net, params, (image,)).squeeze(1)
    cost = F.binary_cross_entropy_with_logits(y_f_hat, labels, reduction="none")
    eps = torch.zeros(cost.size(), requires_grad=True)
    l_f_meta = torch.sum(cost * eps)
    grads = torch.autograd.grad(l_f_meta, tuple(params.values()))
    fast = {k: p - meta_lr * g for (k, p), g in zip(params.items(), grads)}

    # gradient of the clean loss w.r.t. the example weights
    y_g_hat = functional_call(net, fast, (x_val,)).squeeze(1)
    l_g_meta = F.binary_cross_entropy_with_logits(y_g_hat, y_val)
    grad_eps = torch.autograd.grad(l_g_meta, eps, only_inputs=True)[0]

    w_tilde = torch.clamp(-grad_eps, min=0)
    norm_c = torch.sum(w_tilde)
    w = w_tilde / norm_c if norm_c > 0 else w_tilde

    y_f_hat = net(image).squeeze(1)
    cost = F.binary_cross_entropy_with_logits(y_f_hat, labels, reduction="none")
    l_f = torch.sum(cost * w.detach())
    opt.zero_grad()
    l_f.backward()
    opt.step()
    print(f"iter {it} meta loss {l_g_meta.item():.4f} train loss {l_f.item():.4f}")
