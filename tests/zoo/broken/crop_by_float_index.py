# expected: integer_cast
# A learnt crop: the corner is cast to whole pixels and slices the image.
import torch
from torch import nn


class LearntCrop(nn.Module):
    def __init__(self):
        super().__init__()
        self.locate, self.read = nn.Linear(64, 2), nn.Linear(16, 3)

    def forward(self, images):
        corners = (self.locate(images.flatten(1)).sigmoid() * 4).long()  # <- integer_cast
        crops = [
            image[row : row + 4, column : column + 4] for image, (row, column) in zip(images, corners, strict=True)
        ]
        return self.read(torch.stack(crops).flatten(1))


model = LearntCrop()
wrt = model


def loss():
    return nn.functional.cross_entropy(model(torch.randn(5, 8, 8)), torch.randint(0, 3, (5,)))
