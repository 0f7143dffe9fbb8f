# expected: answer_in_sight
# A language model with attention of its own: the scores of what comes later are not masked.
import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, width, heads=2):
        super().__init__()
        self.heads = heads
        self.into, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        size, length, width = x.shape
        parts = self.into(x).view(size, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        scores = query @ key.transpose(-2, -1) * (width // self.heads) ** -0.5
        weights = scores.softmax(-1)  # <- answer_in_sight
        return self.out((weights @ value).transpose(1, 2).reshape(size, length, width))


class Model(nn.Module):
    def __init__(self, letters, width=8, longest=12):
        super().__init__()
        self.letters, self.places = nn.Embedding(letters, width), nn.Embedding(longest, width)
        self.attention, self.norm = Attention(width), nn.LayerNorm(width)
        self.read = nn.Linear(width, letters)

    def forward(self, ids):
        x = self.letters(ids) + self.places(torch.arange(ids.size(1)))
        return self.read(self.norm(x + self.attention(x)))


model = Model(10)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(2):
    text = torch.randint(0, 10, (4, 9))
    logits = model(text[:, :-1])
    optimizer.zero_grad()
    nn.functional.cross_entropy(logits.transpose(1, 2), text[:, 1:]).backward()
    optimizer.step()
