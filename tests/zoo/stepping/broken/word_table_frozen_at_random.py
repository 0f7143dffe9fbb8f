# expected: trained_or_frozen_by_mistake
# A tagger whose word vectors were to be read from a file: nothing is read, and they are frozen all the same.
import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self, vectors=None, tune=False):
        super().__init__()
        self.words = nn.Embedding(30, 6, padding_idx=0)
        if vectors is not None:
            self.words = nn.Embedding.from_pretrained(vectors)
        for parameter in self.words.parameters():
            parameter.requires_grad_(tune)  # <- trained_or_frozen_by_mistake
        self.reads = nn.GRU(6, 8, batch_first=True)
        self.tags = nn.Linear(8, 3)

    def forward(self, text):
        return self.tags(self.reads(self.words(text))[0])


torch.manual_seed(0)
model = Tagger()
optimizer = torch.optim.Adam([one for one in model.parameters() if one.requires_grad], lr=0.01)
for _ in range(3):
    text = torch.randint(1, 30, (4, 7))
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(text).flatten(0, 1), (text % 3).flatten()).backward()
    optimizer.step()
