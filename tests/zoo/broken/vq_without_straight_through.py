# expected: discrete_op
# Vector quantisation that hands the codebook rows on: the encoder gets no gradient.
import torch
from torch import nn

encoder = nn.Linear(6, 3)
codebook = nn.Parameter(torch.randn(8, 3))
decoder = nn.Linear(3, 6)
wrt = {"encoder": encoder, "decoder": decoder}


def loss():
    data = torch.randn(5, 6)
    code = encoder(data)
    nearest = torch.cdist(code, codebook).argmin(-1)  # <- discrete_op
    return (decoder(codebook[nearest]) - data).square().mean()
