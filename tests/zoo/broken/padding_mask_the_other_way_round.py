# expected: unread
# True stands for a token here, and for what is to be left out in torch's attention.
import torch
from torch import nn

layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
wrt = nn.ModuleDict({"embed": nn.Embedding(9, 8), "layer": layer, "out": nn.Linear(8, 2)})
ids, labels = torch.tensor([[4, 2, 7, 0, 0], [3, 5, 0, 0, 0], [8, 0, 0, 0, 0]]), torch.tensor([0, 1, 1])


def loss():
    mask = ids != 0
    hidden = wrt["layer"](wrt["embed"](ids), src_key_padding_mask=mask)  # <- unread
    return nn.functional.cross_entropy(wrt["out"]((hidden * mask[..., None]).sum(1)), labels)
