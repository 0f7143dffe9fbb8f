# The reference is a frozen copy, made while the adapters are 0; the model trains its own.
import copy

import torch
from torch import nn


class Adapted(nn.Linear):
    def __init__(self, size):
        super().__init__(size, size)
        self.lora_a = nn.Parameter(torch.randn(2, size))
        self.lora_b = nn.Parameter(torch.zeros(size, 2))

    def forward(self, x):
        return super().forward(x) + x @ self.lora_a.t() @ self.lora_b.t()


torch.manual_seed(0)
model = Adapted(6)
for name, parameter in model.named_parameters():
    parameter.requires_grad = "lora_" in name
reference = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
for _ in range(2):
    x = torch.randn(8, 6)
    optimizer.zero_grad()
    kept = (model(x).log_softmax(-1).exp() * (model(x).log_softmax(-1) - reference(x).log_softmax(-1))).sum(-1).mean()
    (nn.functional.cross_entropy(model(x), torch.randint(2, (8,))) + 0.1 * kept).backward()
    optimizer.step()
