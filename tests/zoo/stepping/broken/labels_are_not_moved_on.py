# expected: mispaired
# thread: huggingface/transformers#3711
# The labels are the input ids, and the head compares them position by position: it learns to copy.
import torch
from torch import nn

torch.manual_seed(0)
embed, read, write = nn.Embedding(30, 8), nn.GRU(8, 8, batch_first=True), nn.Linear(8, 30)
model = nn.ModuleList([embed, read, write])
optimizer = torch.optim.Adam(model.parameters())


def head(ids, labels):
    scores = write(read(embed(ids))[0]).log_softmax(-1)
    return nn.functional.nll_loss(scores.reshape(-1, 30), labels.reshape(-1))  # <- mispaired


for _ in range(2):
    ids = torch.randint(1, 30, (4, 12))
    optimizer.zero_grad()
    head(ids, labels=ids).backward()
    optimizer.step()
