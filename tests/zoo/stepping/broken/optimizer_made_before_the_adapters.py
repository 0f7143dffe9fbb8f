# expected: not_held
# thread: kipgparker/soft-prompt-tuning#4
# The model is frozen and the optimizer made of it; the prompt that is to learn is put in afterwards.
import torch
from torch import nn


class Prompted(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.words, self.prompt = words, nn.Parameter(torch.randn(2, 8))

    def forward(self, ids):
        return torch.cat([self.prompt.expand(len(ids), -1, -1), self.words(ids)], 1)


torch.manual_seed(0)
model = nn.Sequential(nn.Embedding(12, 8), nn.Linear(8, 12))
model.requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters())  # <- not_held
model[0] = Prompted(model[0])
ids = torch.randint(0, 12, (5, 4))
for _ in range(2):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(ids).mean(1), ids[:, 0]).backward()
    optimizer.step()
