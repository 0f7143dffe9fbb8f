# expected: ties_apart
# The output layer is given a copy of the embedding's numbers, not the tensor.
# after: TrainCheck, paper: tied weights that drift apart
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class LM(nn.Module):
    def __init__(self, vocabulary=20, dim=8):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, dim)
        self.head = nn.Linear(dim, vocabulary, bias=False)
        self.head.weight.data = self.embed.weight.data.clone()

    def forward(self, ids):
        return self.head(self.embed(ids)).transpose(1, 2)


torch.manual_seed(0)
x, y = torch.randint(0, 20, (4, 6)), torch.randint(0, 20, (4, 6))
model, criterion = LM(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)  # <- ties_apart
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
