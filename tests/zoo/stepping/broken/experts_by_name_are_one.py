# expected: one_for_several
# dict.fromkeys gives each language the same layer: what is to be learnt for each of them goes into one.
import torch
from torch import nn


class Translator(nn.Module):
    languages = ("da", "fi", "pt")

    def __init__(self, width=6):
        super().__init__()
        self.body = nn.Linear(4, width)
        ends = dict.fromkeys(self.languages, nn.Sequential(nn.Tanh(), nn.Linear(width, 3)))  # <- one_for_several
        self.ends = nn.ModuleDict(ends)

    def forward(self, x):
        code = self.body(x)
        return [end(code) for end in self.ends.values()]


model = Translator()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(2):
    x, labels = torch.randn(8, 4), torch.randint(3, (3, 8))
    optimizer.zero_grad()
    sum(nn.functional.cross_entropy(out, one) for out, one in zip(model(x), labels, strict=True)).backward()
    optimizer.step()
