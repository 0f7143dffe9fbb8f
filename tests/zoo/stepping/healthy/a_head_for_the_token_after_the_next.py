# Two places ahead on purpose: a second head, beside the one for the next token.
import torch
from torch import nn

torch.manual_seed(0)
embed, read = nn.Embedding(30, 8), nn.GRU(8, 8, batch_first=True)
next_head, later_head = nn.Linear(8, 30), nn.Linear(8, 30)
model = nn.ModuleList([embed, read, next_head, later_head])
optimizer = torch.optim.Adam(model.parameters())


for _ in range(2):
    tokens = torch.randint(1, 30, (4, 12))
    codes = read(embed(tokens))[0]
    optimizer.zero_grad()
    soon = nn.functional.cross_entropy(next_head(codes[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    later = nn.functional.cross_entropy(later_head(codes[:, :-2]).flatten(0, 1), tokens[:, 2:].flatten())
    (soon + 0.3 * later).backward()
    optimizer.step()
