# expected: ties_apart
# The decoder loads the encoder's embedding and then goes its own way.
import torch
from torch import nn


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.source, self.out = nn.Embedding(15, 6), nn.Linear(6, 15)

    def tie(self):
        self.out.weight.data.copy_(self.source.weight.data)  # <- ties_apart

    def forward(self, ids):
        return self.out(torch.tanh(self.source(ids)).cumsum(1))


torch.manual_seed(0)
model = Translator()
model.tie()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(3):
    ids = torch.randint(15, (3, 6))
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(ids[:, :-1]).transpose(1, 2), ids[:, 1:]).backward()
    optimizer.step()
