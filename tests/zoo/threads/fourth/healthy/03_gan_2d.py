import torch
import torch.nn as nn

torch.manual_seed(2)
latent_size, hidden_size, data_size, batch_size = 8, 32, 2, 64

D = nn.Sequential(nn.Linear(data_size, hidden_size), nn.LeakyReLU(0.2), nn.Linear(hidden_size, hidden_size),
                  nn.LeakyReLU(0.2), nn.Linear(hidden_size, 1), nn.Sigmoid())
G = nn.Sequential(nn.Linear(latent_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, hidden_size), nn.ReLU(),
                  nn.Linear(hidden_size, data_size))
criterion = nn.BCELoss()
d_optimizer = torch.optim.Adam(D.parameters(), lr=1e-3)
g_optimizer = torch.optim.Adam(G.parameters(), lr=1e-3)


def reset_grad():
    d_optimizer.zero_grad()
    g_optimizer.zero_grad()


for step in range(301):
    images = torch.randn(batch_size, 2) * 0.3 + torch.tensor([2.0, -1.0])
    real_labels, fake_labels = torch.ones(batch_size, 1), torch.zeros(batch_size, 1)

    outputs = D(images)
    d_loss_real = criterion(outputs, real_labels)
    z = torch.randn(batch_size, latent_size)
    fake_images = G(z)
    outputs = D(fake_images)
    d_loss_fake = criterion(outputs, fake_labels)
    d_loss = d_loss_real + d_loss_fake
    reset_grad()
    d_loss.backward()
    d_optimizer.step()

    z = torch.randn(batch_size, latent_size)
    fake_images = G(z)
    outputs = D(fake_images)
    g_loss = criterion(outputs, real_labels)
    reset_grad()
    g_loss.backward()
    g_optimizer.step()
    if step % 60 == 0:
        m = fake_images.mean(0).tolist()
        print("step %d d_loss %.4f g_loss %.4f fake mean %.2f %.2f" % (step, d_loss.item(), g_loss.item(), m[0], m[1]))
