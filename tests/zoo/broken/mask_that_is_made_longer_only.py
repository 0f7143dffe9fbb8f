# expected: unread
# A place for the summary is put in front of the mask, and then the layers are called without it.
import torch
from torch import nn

layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
wrt = nn.ModuleDict({"embed": nn.Embedding(9, 8), "layer": layer, "out": nn.Linear(8, 2)})
ids, labels = torch.tensor([[4, 2, 7, 1], [3, 5, 0, 0], [8, 0, 0, 0]]), torch.tensor([0, 1, 1])


def classify(ids, padding_mask):
    embedded = wrt["embed"](ids)
    hidden = torch.cat([embedded.mean(1, keepdim=True), embedded], dim=1)
    padding_mask = nn.functional.pad(padding_mask, (1, 0), value=False)
    return wrt["out"](wrt["layer"](hidden)[:, 0])  # <- unread


def loss():
    return nn.functional.cross_entropy(classify(ids, ids == 0), labels)
