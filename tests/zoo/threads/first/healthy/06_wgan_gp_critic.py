import torch
import torch.nn as nn


def set_requires_grad(net, flag):
    for p in net.parameters():
        p.requires_grad = flag


G = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
D = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))


def gradient_penalty(real, fake):
    eps = torch.rand(real.size(0), 1)
    x = (eps * real + (1 - eps) * fake).requires_grad_(True)
    out = D(x)
    g, = torch.autograd.grad(out, x, grad_outputs=torch.ones_like(out), create_graph=True, retain_graph=True)
    return ((g.norm(2, dim=1) - 1) ** 2).mean()


torch.manual_seed(0)
for net in (G, D):
    for m in net:
        if isinstance(m, nn.Linear):
            nn.init.orthogonal_(m.weight)
            nn.init.zeros_(m.bias)
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.0, 0.9))
opt_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.0, 0.9))
n_critic, fixed = 3, torch.randn(64, 8)
for it in range(9):
    real = torch.randn(64, 2) * 0.1 + torch.tensor([1.0, -1.0])
    set_requires_grad(D, True)
    with torch.no_grad():
        fake = G(torch.randn(64, 8))
    loss_d = D(fake).mean() - D(real).mean() + 10 * gradient_penalty(real, fake)
    opt_d.zero_grad()
    loss_d.backward()
    opt_d.step()
    if (it + 1) % n_critic == 0:
        set_requires_grad(D, False)
        loss_g = -D(G(torch.randn(64, 8))).mean()
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
        print(f"iter {it} D {loss_d.item():.4f} G {loss_g.item():.4f} mean {G(fixed).mean(0).tolist()}")
