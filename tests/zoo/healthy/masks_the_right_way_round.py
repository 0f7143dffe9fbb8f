# expected: ok
# True for padding where it is left out, for tokens where they are read; gaps that are to be filled alone count.
import torch
from torch import nn

layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
wrt = nn.ModuleDict({"embed": nn.Embedding(9, 8), "layer": layer, "score": nn.Linear(8, 1), "out": nn.Linear(8, 9)})
ids = torch.tensor([[4, 2, 1, 6], [3, 1, 5, 0], [8, 1, 0, 0]])
words, lengths = torch.tensor([[4, 2, 7, 6], [3, 4, 5, 0], [8, 3, 0, 0]]), torch.tensor([4, 3, 2])


def loss():
    real = ids != 0
    hidden = wrt["layer"](wrt["embed"](ids), src_key_padding_mask=~real)
    bias = torch.full((3, 1, 4), float("-inf")).masked_fill(real[:, None, :], 0.0)
    hidden = hidden + nn.functional.scaled_dot_product_attention(hidden, hidden, hidden, attn_mask=bias)
    hidden = nn.functional.scaled_dot_product_attention(hidden, hidden, hidden, attn_mask=real[:, None].expand(3, 4, 4))
    behind = torch.arange(4)[None, :] >= lengths[:, None]
    weights = wrt["score"](hidden).squeeze(-1).masked_fill(behind, float("-inf")).softmax(1)
    labels = words.masked_fill(behind, -100)
    each = nn.functional.cross_entropy(wrt["out"](hidden).transpose(1, 2), labels, reduction="none")
    gaps = (each * (ids == 1)).sum() / (ids == 1).sum()
    return gaps + (weights * hidden.square().sum(-1)).mean()
