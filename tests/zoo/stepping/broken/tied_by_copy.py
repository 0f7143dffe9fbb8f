# expected: ties_apart
# The output layer is a copy of the embedding, and was meant to be the embedding.
import torch
from torch import nn

embed, out = nn.Embedding(9, 5), nn.Linear(5, 9, bias=False)
out.weight = nn.Parameter(embed.weight.detach().clone())  # <- ties_apart
optimizer = torch.optim.SGD([*embed.parameters(), *out.parameters()], lr=0.5)
for _ in range(2):
    ids = torch.randint(0, 9, (6,))
    loss = nn.functional.cross_entropy(out(embed(ids)), ids.roll(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
