# expected: unread
# scaled_dot_product_attention reads where its mask is True, and is given where the padding is.
import torch
from torch import nn

wrt = nn.ModuleDict({"embed": nn.Embedding(9, 8), "out": nn.Linear(8, 2)})
ids, labels = torch.tensor([[4, 2, 7, 0], [3, 5, 0, 0], [8, 0, 0, 0]]), torch.tensor([0, 1, 1])


def loss():
    hidden = wrt["embed"](ids)
    padding = (ids == 0)[:, None, :].expand(3, 4, 4)
    hidden = nn.functional.scaled_dot_product_attention(hidden, hidden, hidden, attn_mask=padding)  # <- unread
    return nn.functional.cross_entropy(wrt["out"](hidden[:, 0]), labels)
