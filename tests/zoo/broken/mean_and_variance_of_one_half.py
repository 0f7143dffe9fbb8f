# expected: unread
# The log-variance is taken from the half that is the mean already; the other half of the layer is never read.
import torch
from torch import nn

wrt = nn.ModuleDict({"encoder": nn.Linear(4, 6), "decoder": nn.Linear(3, 4)})
x = torch.randn(5, 4)


def loss():
    code = wrt["encoder"](x)
    mean = code[:, :3]
    log_variance = code[:, :3]  # <- unread
    z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
    divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean()
    return nn.functional.mse_loss(wrt["decoder"](z), x) + 0.1 * divergence
