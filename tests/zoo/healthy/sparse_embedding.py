# expected: ok
# An embedding with sparse gradients, and a sparse adjacency matrix.
import torch
from torch import nn

embed = nn.Embedding(10, 4, sparse=True)
layer = nn.Linear(4, 4)
adjacency = torch.eye(6).roll(1, 0).to_sparse()
wrt = {"embed": embed, "layer": layer}


def loss():
    nodes = embed(torch.arange(6))
    return torch.sparse.mm(adjacency, layer(nodes)).square().mean()
