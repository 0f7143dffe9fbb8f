# expected: detach left_torch new_leaf
# Images are flipped and shifted in NumPy on their way through the model.
import numpy
import torch
from torch import nn

encoder, head = nn.Conv2d(1, 2, 3, padding=1), nn.Linear(2 * 36, 3)
wrt = {"encoder": encoder, "head": head}
numbers = numpy.random.default_rng(0)


def augment(features):
    array = features.detach().cpu().numpy()  # <- detach left_torch
    array = array[..., ::-1] if numbers.random() < 0.5 else array
    return torch.tensor(numpy.roll(array, 1, axis=-1).copy())  # <- new_leaf


def loss():
    features = augment(encoder(torch.randn(4, 1, 6, 6)).relu())
    return nn.functional.cross_entropy(head(features.flatten(1)), torch.randint(0, 3, (4,)))
