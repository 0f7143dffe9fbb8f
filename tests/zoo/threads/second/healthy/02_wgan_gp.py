import torch
import torch.nn as nn

torch.manual_seed(1)

G = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2))
D = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2),
                  nn.Linear(64, 1, bias=False))
opt_G = torch.optim.Adam(G.parameters(), lr=1e-4, betas=(0.0, 0.9))
opt_D = torch.optim.Adam(D.parameters(), lr=1e-4, betas=(0.0, 0.9))
lambda_gp, n_critic = 10, 3


def sample_real(n):
    theta = torch.rand(n) * 6.2832
    return torch.stack([theta.cos(), theta.sin()], dim=1) * 2 + 0.05 * torch.randn(n, 2)


def compute_gradient_penalty(D, real, fake):
    alpha = torch.rand(real.size(0), 1)
    interpolates = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    d_inter = D(interpolates)
    gradients = torch.autograd.grad(
        outputs=d_inter, inputs=interpolates, grad_outputs=torch.ones_like(d_inter),
        create_graph=True, retain_graph=True, only_inputs=True,
    )[0]
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


for it in range(5):
    for p in D.parameters():
        p.requires_grad_(True)
    for _ in range(n_critic):
        real = sample_real(64)
        with torch.no_grad():
            fake = G(torch.randn(64, 8))
        gp = compute_gradient_penalty(D, real, fake)
        d_loss = D(fake).mean() - D(real).mean() + lambda_gp * gp
        opt_D.zero_grad()
        d_loss.backward()
        opt_D.step()

    for p in D.parameters():
        p.requires_grad_(False)
    g_loss = -D(G(torch.randn(64, 8))).mean()
    opt_G.zero_grad()
    g_loss.backward()
    opt_G.step()
    print(f"iter {it} d_loss {d_loss.item():.4f} gp {gp.item():.4f} g_loss {g_loss.item():.4f}")
