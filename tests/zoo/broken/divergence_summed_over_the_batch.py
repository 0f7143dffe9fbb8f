# expected: mixed_reductions
# thread: zdebruine/MMVAE#19
# The reconstruction is averaged over batch and pixels, the divergence beside it is summed over batch and codes.
import torch
from torch import nn

wrt = nn.ModuleDict({"encoder": nn.Linear(16, 8), "decoder": nn.Linear(4, 16)})
images = torch.rand(32, 16)


def divergence(mean, spread):
    return -0.5 * torch.sum(1 + spread - mean.square() - spread.exp())  # <- mixed_reductions


def loss():
    mean, spread = wrt["encoder"](images).chunk(2, 1)
    codes = mean + (spread / 2).exp() * torch.randn_like(mean)
    return nn.functional.mse_loss(wrt["decoder"](codes), images) + divergence(mean, spread)
