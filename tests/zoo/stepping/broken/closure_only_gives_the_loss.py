# expected: never_stepped
# The style of an image is fitted with LBFGS: the loop differentiates, and the closure only measures the loss.
import torch
from torch import nn

features = nn.Conv2d(1, 4, 3).requires_grad_(False)
image = nn.Parameter(torch.rand(1, 1, 8, 8))
optimizer = torch.optim.LBFGS([image], lr=0.5, max_iter=5)
goal = torch.rand(4, 4)


def gram(picture):
    flat = features(picture).flatten(2)[0]
    return flat @ flat.T / flat.numel()


def fit():
    def closure():
        return nn.functional.mse_loss(gram(image), goal)

    for _ in range(3):
        optimizer.zero_grad()
        closure().backward()
        optimizer.step(closure)  # <- never_stepped


fit()
