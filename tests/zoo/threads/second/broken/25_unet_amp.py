import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(24)


class UNet(nn.Module):
    def __init__(self, n_channels=1, n_classes=2):
        super().__init__()
        self.inc = nn.Conv2d(n_channels, 8, 3, padding=1)
        self.down = nn.Conv2d(8, 16, 3, padding=1)
        self.up = nn.Conv2d(16 + 8, 8, 3, padding=1)
        self.outc = nn.Conv2d(8, n_classes, 1)

    def forward(self, x):
        x1 = F.relu(self.inc(x))
        x2 = F.relu(self.down(F.max_pool2d(x1, 2)))
        x = F.interpolate(x2, scale_factor=2)
        return self.outc(F.relu(self.up(torch.cat([x1, x], dim=1))))


def train_model(model, loader, epochs=3, learning_rate=0.1, amp=True, momentum=0.9, gradient_clipping=1.0):
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=momentum)
    grad_scaler = torch.amp.GradScaler("cpu", enabled=amp)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(1, epochs + 1):
        model.train()
        epoch_loss = 0
        for images, true_masks in loader:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=amp):
                masks_pred = model(images)
                loss = criterion(masks_pred, true_masks)
            optimizer.zero_grad(set_to_none=True)
            grad_scaler.scale(loss).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), gradient_clipping)
            grad_scaler.step(optimizer)
            grad_scaler.update()
            epoch_loss += loss.item()
        print(f"epoch {epoch} loss {epoch_loss / len(loader):.5f}")


masks = torch.zeros(32, 12, 12, dtype=torch.long)
for i in range(32):
    a, b = torch.randint(0, 6, (2,)).tolist()
    masks[i, a:a + 6, b:b + 6] = 1
images = masks.unsqueeze(1).float() + 0.2 * torch.randn(32, 1, 12, 12)
loader = DataLoader(TensorDataset(images, masks), batch_size=8, shuffle=True)
train_model(UNet(), loader)
