import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
np.random.seed(1)


class TabularMLP(nn.Module):
    def __init__(self, d_in, d_layers, dropout=0.1):
        super().__init__()
        dims = [d_in] + d_layers
        self.blocks = nn.ModuleList([nn.Linear(a, b) for a, b in zip(dims[:-1], dims[1:])])
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(dims[-1], 1)

    def forward(self, x):
        for lin in self.blocks:
            x = self.dropout(F.relu(lin(x)))
        return self.head(x).squeeze(-1)


N = np.random.randn(256, 12).astype(np.float32)
w = np.random.randn(12, 1).astype(np.float32)
y = N @ w + 0.1 * np.random.randn(256, 1).astype(np.float32)
y = (y - y.mean()) / y.std()

train_set = TensorDataset(torch.from_numpy(N), torch.from_numpy(y))
loader = DataLoader(train_set, batch_size=64, shuffle=True)

model = TabularMLP(12, [64, 64])
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-5)
criterion = F.mse_loss

for epoch in range(5):
    model.train()
    total = 0.0
    for X, target in loader:
        pred = model(X)
        loss = criterion(pred, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / len(loader):.4f}")
