# expected: not_held
# The second view's projector is a module of its own, and was forgotten.
import torch
from torch import nn


class View(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.lift = nn.Linear(width, 8)
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        return self.out(self.lift(x).relu())


image, text = View(6), View(5)
optimizer = torch.optim.AdamW(image.parameters(), lr=1e-3)  # <- not_held
for _ in range(2):
    similarity = image(torch.randn(7, 6)) @ text(torch.randn(7, 5)).T
    optimizer.zero_grad()
    nn.functional.cross_entropy(similarity, torch.arange(7)).backward()
    optimizer.step()
