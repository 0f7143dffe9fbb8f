# expected: trained_or_frozen_by_mistake
# The backbone comes frozen whole, and marking its adapters as trainable only freezes what is none.
import torch
from torch import nn


class Adapted(nn.Linear):
    def __init__(self, size):
        super().__init__(size, size)
        self.lora_a = nn.Parameter(torch.randn(2, size))
        self.lora_b = nn.Parameter(torch.zeros(size, 2))

    def forward(self, x):
        return super().forward(x) + x @ self.lora_a.t() @ self.lora_b.t()


def backbone():
    model = nn.Sequential(Adapted(6), nn.Tanh(), Adapted(6))
    for parameter in model.parameters():
        parameter.requires_grad = False  # <- trained_or_frozen_by_mistake
    return model


torch.manual_seed(0)
body = backbone()
for name, parameter in body.named_parameters():
    if "lora_" not in name:
        parameter.requires_grad = False
model = nn.Sequential(body, nn.Linear(6, 2))
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
for _ in range(2):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(torch.randn(8, 6)), torch.randint(2, (8,))).backward()
    optimizer.step()
