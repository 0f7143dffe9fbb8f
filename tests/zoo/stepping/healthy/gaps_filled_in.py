# A masked language model: what is to be found are the tokens that a mask hides in the input.
import torch
from torch import nn

MASK = 30
torch.manual_seed(0)
embed, read, write = nn.Embedding(31, 8), nn.GRU(8, 8, batch_first=True, bidirectional=True), nn.Linear(16, 30)
model = nn.ModuleList([embed, read, write])
optimizer = torch.optim.Adam(model.parameters())
for _ in range(2):
    ids = torch.randint(0, 30, (6, 12))
    hidden = torch.rand(6, 12) < 0.3
    labels = ids.masked_fill(~hidden, -100)
    optimizer.zero_grad()
    scores = write(read(embed(ids.masked_fill(hidden, MASK)))[0])
    nn.functional.cross_entropy(scores.flatten(0, 1), labels.flatten()).backward()
    optimizer.step()
