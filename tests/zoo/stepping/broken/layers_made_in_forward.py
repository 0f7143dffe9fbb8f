# expected: not_held
# A head that is made while it is called: every batch has another one, and only the trunk learns.
import torch
from torch import nn

torch.manual_seed(0)


class Tagger(nn.Module):
    def __init__(self, tags):
        super().__init__()
        self.tags = tags
        self.trunk = nn.GRU(5, 8, batch_first=True)

    def forward(self, words):
        hidden, _ = self.trunk(words)
        head = nn.Sequential(
            nn.Tanh(),
            nn.Linear(8, self.tags),  # <- not_held
        )
        return head(hidden)


tagger = Tagger(4)
optimizer = torch.optim.Adam(tagger.parameters(), lr=1e-2)
for _ in range(3):
    words, tags = torch.randn(6, 7, 5), torch.randint(0, 4, (6, 7))
    loss = nn.functional.cross_entropy(tagger(words).transpose(1, 2), tags)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
