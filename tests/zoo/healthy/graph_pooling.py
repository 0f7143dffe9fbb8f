# expected: ok
# A graph network: scatter by an edge index, top-k pooling that keeps the scores as weights.
import torch
from torch import nn

message, score, head = nn.Linear(5, 5), nn.Linear(5, 1), nn.Linear(5, 2)
wrt = {"message": message, "score": score, "head": head}


def loss():
    nodes, edges = torch.randn(8, 5), torch.randint(0, 8, (2, 20))
    summed = torch.zeros(8, 5).index_add(0, edges[1], message(nodes)[edges[0]])
    degree = torch.bincount(edges[1], minlength=8).clamp(min=1)[:, None]
    hidden = torch.relu(nodes + summed / degree)
    best, chosen = score(hidden).squeeze(-1).topk(4)
    return nn.functional.cross_entropy(head((hidden[chosen] * best.tanh()[:, None]).mean(0))[None], torch.tensor([1]))
