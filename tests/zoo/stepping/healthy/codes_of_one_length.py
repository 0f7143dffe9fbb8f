# Sequences of one length, in which a token of value 0 stands as often as any other, also at their ends.
import torch
from torch import nn

torch.manual_seed(0)
embed, read, write = nn.Embedding(3, 8, padding_idx=0), nn.GRU(8, 8, batch_first=True), nn.Linear(8, 3)
model = nn.ModuleList([embed, read, write])
optimizer = torch.optim.Adam(model.parameters())
for _ in range(2):
    ids = torch.randint(0, 3, (5, 8))
    optimizer.zero_grad()
    logits = write(read(embed(ids))[0])[:, :-1]
    nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).backward()
    optimizer.step()
