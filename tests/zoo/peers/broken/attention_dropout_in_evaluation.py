# expected: mode_flips
# Scaled dot-product attention is given its dropout rate whatever the mode.
# after: TrainCheck, transformers-33844
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, dim=16, dropout=0.1):
        super().__init__()
        self.qkv, self.out, self.dropout = nn.Linear(dim, 3 * dim), nn.Linear(dim, 4), dropout

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        hidden = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout)  # <- mode_flips
        return self.out(hidden.mean(1))


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(-1) == y).float().mean().item()


torch.manual_seed(0)
x, y = torch.randn(8, 5, 16), torch.randint(0, 4, (8,))
model, criterion = Attention(), nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for _ in range(3):
    model.train()
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
    evaluate(model, x, y)
