# GAN that draws sine-like curves ("paintings"), both nets are small MLPs
import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(1)
np.random.seed(1)
BATCH, LR_G, LR_D, N_IDEAS, POINTS = 32, 1e-3, 1e-3, 5, 15
GRID = np.vstack([np.linspace(-1, 1, POINTS) for _ in range(BATCH)])


def artist_works():
    r = 0.02 * np.random.randn(1, POINTS)
    return torch.from_numpy(np.sin(GRID * np.pi) + r).float()


G = nn.Sequential(
    nn.Linear(N_IDEAS, 64),
    nn.ReLU(),
    nn.Linear(64, POINTS),
)
D = nn.Sequential(
    nn.Linear(POINTS, 64),
    nn.ReLU(),
    nn.Linear(64, 1),
    nn.Sigmoid(),
)
opt_D = torch.optim.Adam(D.parameters(), lr=LR_D)
opt_G = torch.optim.Adam(G.parameters(), lr=LR_G)


def losses(real, fake):
    p_real, p_fake = D(real), D(fake)
    d_loss = -torch.mean(torch.log(p_real + 1e-8) + torch.log(1 - p_fake + 1e-8))
    g_loss = torch.mean(torch.log(1 - p_fake + 1e-8))
    return d_loss, g_loss, p_real.mean().item()


for step in range(60):
    paintings = artist_works()
    ideas = torch.randn(BATCH, N_IDEAS)
    d_loss, g_loss, score = losses(paintings, G(ideas))

    opt_D.zero_grad()
    d_loss.backward(retain_graph=True)
    opt_D.step()

    opt_G.zero_grad()
    g_loss.backward()
    opt_G.step()

    if step % 20 == 0:
        print(f"step {step} D(real) {score:.3f} d {d_loss.item():.3f} g {g_loss.item():.3f}")

print("done", G(torch.zeros(1, N_IDEAS)).detach().numpy().round(2)[0, :5])
