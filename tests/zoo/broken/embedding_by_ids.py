# expected: discrete_op
# A generator's words go as ids into a frozen critic's embedding.
# thread: pytorch/pytorch#1339
import torch
from torch import nn

generator = nn.GRU(4, 9, batch_first=True)
critic = nn.Sequential(nn.Embedding(9, 5), nn.Flatten(), nn.Linear(30, 1)).requires_grad_(False)
wrt = generator


def loss():
    scores, _ = generator(torch.randn(3, 6, 4))
    words = scores.log_softmax(-1).max(-1)[1]  # <- discrete_op
    return -critic(words).mean()
