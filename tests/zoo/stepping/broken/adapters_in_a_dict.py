# expected: not_held
# One adapter a language, kept in a plain dict: parameters() does not see them.
import torch
from torch import nn


class Translator(nn.Module):
    def __init__(self, languages):
        super().__init__()
        self.trunk = nn.Linear(6, 12)
        self.adapters = {}
        for language in languages:
            self.adapters[language] = nn.Linear(12, 6)  # <- not_held

    def forward(self, x, language):
        return self.adapters[language](self.trunk(x).relu())


model = Translator(["de", "ja"])
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for _ in range(3):
    loss = sum((model(torch.randn(5, 6), name) - 1).square().mean() for name in ("de", "ja"))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
