# expected: mixed_reductions
# Three terms in a dict are weighed and added by sum(): two are means, and the divergences of all samples are added up.
import torch
from torch import nn

wrt = nn.ModuleDict({"encoder": nn.Linear(12, 6), "decoder": nn.Linear(3, 12), "label": nn.Linear(3, 2)})
spectra, labels = torch.rand(24, 12), torch.arange(24) % 2
weights = {"spectrum": 1.0, "label": 0.3, "divergence": 0.5}


def terms():
    mean, spread = wrt["encoder"](spectra).chunk(2, 1)
    code = mean + (spread / 2).exp() * torch.randn_like(mean)
    divergence = 0.5 * (mean.square() + spread.exp() - 1 - spread).sum(1)
    return {
        "spectrum": nn.functional.l1_loss(wrt["decoder"](code), spectra),
        "label": nn.functional.cross_entropy(wrt["label"](code), labels),
        "divergence": divergence.sum(),  # <- mixed_reductions
    }


def loss():
    return sum(weights[name] * term for name, term in terms().items())
