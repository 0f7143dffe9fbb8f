# expected: mispaired
# The inputs are the labels moved to the right, and the loss moves the labels on once more.
import torch
from torch import nn

torch.manual_seed(0)
embed, read, write = nn.Embedding(30, 8), nn.GRU(8, 8, batch_first=True), nn.Linear(8, 30)
model = nn.ModuleList([embed, read, write])
optimizer = torch.optim.Adam(model.parameters())


def moved_right(labels):
    return torch.cat([torch.zeros_like(labels[:, :1]), labels[:, :-1]], 1)


def causal_loss(logits, labels):
    return nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1),
        labels[:, 1:].flatten(),  # <- mispaired
    )


for _ in range(2):
    labels = torch.randint(1, 30, (4, 12))
    optimizer.zero_grad()
    causal_loss(write(read(embed(moved_right(labels)))[0]), labels).backward()
    optimizer.step()
