# expected: ok
# A VAE with rsample and KL.
import torch
from torch import nn

encoder = nn.Linear(6, 4)
decoder = nn.Linear(2, 6)
wrt = {"encoder": encoder, "decoder": decoder}


def loss():
    data = torch.randn(5, 6)
    mean, log_scale = encoder(data).chunk(2, -1)
    posterior = torch.distributions.Normal(mean, log_scale.exp())
    prior = torch.distributions.Normal(0.0, 1.0)
    kl = torch.distributions.kl_divergence(posterior, prior).sum(-1).mean()
    return (decoder(posterior.rsample()) - data).square().mean() + kl
