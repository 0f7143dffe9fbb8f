# expected: ok
# Vector quantisation with straight-through and commitment.
import torch
from torch import nn

encoder, codebook, decoder = nn.Linear(6, 3), nn.Parameter(torch.randn(4, 3)), nn.Linear(3, 6)
wrt = {"encoder": encoder, "codebook": codebook, "decoder": decoder}


def loss():
    data = torch.randn(5, 6)
    code = encoder(data)
    entry = codebook[torch.cdist(code, codebook).argmin(-1)]
    commitment = (code - entry.detach()).square().mean() + (code.detach() - entry).square().mean()
    return (decoder(code + (entry - code).detach()) - data).square().mean() + 0.25 * commitment
