import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(17)


def dice_loss(pred, target, smooth=1.0):
    inter = (pred * target).sum()
    return 1 - (2.0 * inter + smooth) / (pred.sum() + target.sum() + smooth)


class SmallUnet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(1, 8, 3, padding=1)
        self.mid = nn.Conv2d(8, 16, 3, padding=1)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.out = nn.Conv2d(16, 1, 1)

    def forward(self, x):
        d = F.relu(self.down(x))
        m = F.relu(self.mid(F.max_pool2d(d, 2)))
        u = F.relu(self.up(m))
        return torch.sigmoid(self.out(torch.cat([u, d], dim=1)))


mask = torch.zeros(40, 1, 16, 16)
for i in range(40):
    a, b = torch.randint(0, 8, (2,)).tolist()
    mask[i, 0, a:a + 7, b:b + 7] = 1
image = mask + 0.3 * torch.randn_like(mask)
train_loader = DataLoader(TensorDataset(image, mask), batch_size=4, shuffle=True)

num_epochs = 4
model = SmallUnet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
# halve the learning rate after each epoch
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)

for epoch in range(num_epochs):
    model.train()
    train_loss_total = 0.0
    for inputs, gt in train_loader:
        preds = model(inputs)
        loss = dice_loss(preds, gt)
        train_loss_total += loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    print(f"epoch {epoch} loss {train_loss_total / len(train_loader):.4f}")
