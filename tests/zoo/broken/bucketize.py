# expected: discrete_op
# Values sorted into buckets for an embedding.
# thread: pytorch/pytorch#45119
import torch

model = torch.nn.Linear(4, 1)
embed = torch.nn.Embedding(6, 3)
wrt = {"model": model, "embed": embed}


def loss():
    value = model(torch.randn(5, 4)).squeeze(-1)
    bucket = torch.bucketize(value, torch.linspace(-1, 1, 5))  # <- discrete_op
    return embed(bucket).square().mean()
