# nn.TransformerEncoder begins with equal layers: they are meant to drift apart.
import torch
from torch import nn

layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for _ in range(2):
    optimizer.zero_grad()
    (model(torch.randn(2, 5, 8)) - 1).square().mean().backward()
    optimizer.step()
