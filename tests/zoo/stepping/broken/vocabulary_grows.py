# expected: stale
# New words: the embedding's weight is a new parameter, and the optimizer keeps the old one.
import torch
from torch import nn


def grow(embedding, extra):
    more = torch.randn(extra, embedding.embedding_dim)
    embedding.weight = nn.Parameter(torch.cat([embedding.weight.data, more]))  # <- stale
    embedding.num_embeddings += extra


words, read = nn.Embedding(10, 6), nn.Linear(6, 2)
optimizer = torch.optim.Adam([*words.parameters(), *read.parameters()], lr=1e-2)
grow(words, 4)
for _ in range(2):
    ids = torch.randint(0, 14, (7, 3))
    loss = nn.functional.cross_entropy(read(words(ids).mean(1)), torch.randint(0, 2, (7,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
