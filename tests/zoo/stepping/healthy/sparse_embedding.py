# Sparse gradients and their own optimizer, beside dense ones.
import torch
from torch import nn

words, read = nn.Embedding(50, 6, sparse=True), nn.Linear(6, 2)
sparse = torch.optim.SparseAdam(words.parameters(), lr=1e-2)
dense = torch.optim.Adam(read.parameters(), lr=1e-3)
for _ in range(2):
    sparse.zero_grad()
    dense.zero_grad()
    ids = torch.randint(0, 50, (5, 3))
    nn.functional.cross_entropy(read(words(ids).mean(1)), torch.randint(0, 2, (5,))).backward()
    sparse.step()
    dense.step()
