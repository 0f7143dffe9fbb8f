# expected: cancels
# A contrastive margin between a view and itself: the gradients of both halves meet at the encoder and are opposite.
import torch
from torch import nn

encoder = nn.Linear(5, 4)
wrt = encoder
view = torch.randn(6, 5)


def loss():
    features = encoder(view)
    pulled, pushed = features.square().mean(), features.square().mean()
    return pulled - pushed + 0.5  # <- cancels
