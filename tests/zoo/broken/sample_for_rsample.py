# expected: sampling
# Normal.sample where rsample was meant: a VAE whose encoder never learns.
import torch
from torch import nn

encoder = nn.Linear(6, 4)
decoder = nn.Linear(2, 6)
wrt = {"encoder": encoder, "decoder": decoder}


def loss():
    data = torch.randn(5, 6)
    mean, log_scale = encoder(data).chunk(2, -1)
    latent = torch.distributions.Normal(mean, log_scale.exp()).sample()  # <- sampling
    return (decoder(latent) - data).square().mean()
