# expected: discrete_op
# Gumbel noise by hand, and then argmax and one_hot instead of a softmax: the noise does not help.
import torch
import torch.nn.functional as F
from torch import nn


class DiscreteBottleneck(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.codes, self.decode = nn.Linear(6, 8), nn.Linear(8, 4, bias=False), nn.Linear(4, 6)

    def forward(self, data):
        logits = self.encode(data)
        noise = -torch.log(-torch.log(torch.rand_like(logits).clamp(1e-6, 1 - 1e-6)))
        choice = F.one_hot((logits + noise).argmax(-1), 8).float()  # <- discrete_op
        return self.decode(self.codes(choice))


model = DiscreteBottleneck()
wrt = model


def loss():
    data = torch.randn(10, 6)
    return F.mse_loss(model(data), data)
