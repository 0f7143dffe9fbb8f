import math

import torch
import torch.nn as nn

torch.manual_seed(5)


class MDN(nn.Module):
    def __init__(self, n_hidden=24, n_gaussians=4):
        super().__init__()
        self.z_h = nn.Sequential(nn.Linear(1, n_hidden), nn.Tanh())
        self.z_pi = nn.Linear(n_hidden, n_gaussians)
        self.z_mu = nn.Linear(n_hidden, n_gaussians)
        self.z_sigma = nn.Linear(n_hidden, n_gaussians)

    def forward(self, x):
        h = self.z_h(x)
        log_pi = torch.log_softmax(self.z_pi(h), dim=-1)
        return log_pi, self.z_mu(h), torch.exp(self.z_sigma(h))


def mdn_loss(log_pi, mu, sigma, y):
    z = (y.expand_as(mu) - mu) / sigma
    log_prob = -0.5 * z.pow(2) - torch.log(sigma) - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(log_pi + log_prob, dim=1).mean()


@torch.no_grad()
def sample(model, x):
    log_pi, mu, sigma = model(x)
    k = torch.distributions.Categorical(logits=log_pi).sample().unsqueeze(1)
    return torch.normal(mu.gather(1, k), sigma.gather(1, k))


# inverse problem: x as function of y is multi-valued
y_data = torch.linspace(-10, 10, 300)
x_data = 7 * torch.sin(0.75 * y_data) + 0.5 * y_data + torch.randn(300)
inp = x_data.view(-1, 1) / 10
out = y_data.view(-1, 1) / 10

model = MDN()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(6):
    log_pi, mu, sigma = model(inp)
    loss = mdn_loss(log_pi, mu, sigma, out)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"epoch {epoch} nll {loss.item():.4f} sample std {sample(model, inp).std().item():.3f}")
