# expected: cancels
# A quantiser without the detach: the codes come out, the encoder's gradient cancels, and its own term has weight 0.
import torch
from torch import nn

encoder, decoder = nn.Linear(6, 4), nn.Linear(4, 6)
codes = nn.Parameter(torch.randn(8, 4))
wrt = {"encoder": encoder, "decoder": decoder, "codes": codes}
commitment = 0.0


def loss():
    inputs = torch.randn(5, 6)
    latent = encoder(inputs)
    nearest = codes[torch.cdist(latent.detach(), codes).argmin(1)]
    stay = commitment * nn.functional.mse_loss(latent, nearest.detach())
    move = nn.functional.mse_loss(nearest, latent.detach())
    passed = latent + (nearest - latent)  # <- cancels
    return nn.functional.mse_loss(decoder(passed), inputs) + move + stay
