# expected: ok
# Sums beside means that are weighed for it: by samples that count, by a factor for the batch, or over weights alone.
import torch
from torch import nn

wrt = nn.ModuleDict({"encoder": nn.Linear(12, 6), "decoder": nn.Linear(3, 12), "label": nn.Linear(3, 2)})
spectra, labels = torch.rand(24, 12), torch.arange(24) % 2
shares = torch.full((24,), 1 / 24)


def terms():
    mean, spread = wrt["encoder"](spectra).chunk(2, 1)
    code = mean + (spread / 2).exp() * torch.randn_like(mean)
    divergence = 0.5 * (mean.square() + spread.exp() - 1 - spread).sum(1)
    return {
        "spectrum": nn.functional.l1_loss(wrt["decoder"](code), spectra),
        "label": (nn.functional.cross_entropy(wrt["label"](code), labels, reduction="none") * shares).sum(),
        "divergence": (divergence * shares).sum(),
        "size": 0.04 * mean.square().sum(1).sum(),
        "weights": 0.1 * wrt["decoder"].weight.square().sum(1).sum(),
    }


def loss():
    return sum(terms().values()) + torch.stack(list(terms().values())).sum()
