import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)


class LogisticRegression(nn.Module):
    """Logistic regression with optional L1/L2 penalties."""

    def __init__(self, input_dim, num_classes, l1_strength=0.0, l2_strength=1e-4):
        super().__init__()
        self.linear = nn.Linear(input_dim, num_classes)
        self.l1_strength = l1_strength
        self.l2_strength = l2_strength

    def forward(self, x):
        x = self.linear(x)
        y_hat = F.softmax(x, dim=-1)
        return y_hat

    def training_step(self, batch):
        x, y = batch
        x = x.view(x.size(0), -1)
        y_hat = self(x)
        loss = F.cross_entropy(y_hat, y, reduction="sum")
        if self.l1_strength > 0:
            loss = loss + self.l1_strength * self.linear.weight.abs().sum()
        if self.l2_strength > 0:
            loss = loss + self.l2_strength * self.linear.weight.pow(2).sum()
        return loss / x.size(0)


centers = torch.randn(3, 4, 5) * 2
y = torch.randint(0, 3, (300,))
x = centers[y] + torch.randn(300, 4, 5)
loader = DataLoader(TensorDataset(x, y), batch_size=50, shuffle=True)

model = LogisticRegression(20, 3)
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(5):
    total = 0.0
    for batch in loader:
        opt.zero_grad()
        loss = model.training_step(batch)
        loss.backward()
        opt.step()
        total += loss.item()
    acc = (model(x.view(300, -1)).argmax(1) == y).float().mean()
    print(f"epoch {epoch} loss {total / len(loader):.4f} acc {acc:.3f}")
