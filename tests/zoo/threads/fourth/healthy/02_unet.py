import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(1)


class UNet(nn.Module):
    def __init__(self, n_classes=3):
        super().__init__()
        self.inc = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.down = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(inplace=True))
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.outc = nn.Conv2d(16, n_classes, 1)

    def forward(self, x):
        x1 = self.inc(x)
        return self.outc(torch.cat([x1, self.up(self.down(x1))], 1))


labels = torch.randint(0, 3, (48, 4, 4)).repeat_interleave(3, 1).repeat_interleave(3, 2)
images = labels.unsqueeze(1).float() + 0.4 * torch.randn(48, 1, 12, 12)
model = UNet()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, weight_decay=1e-8, momentum=0.9)
criterion = nn.CrossEntropyLoss()

for epoch in range(6):
    epoch_loss = 0
    for i in range(0, 48, 8):
        masks_pred = model(images[i:i + 8])
        loss = criterion(masks_pred, labels[i:i + 8])
        epoch_loss += loss.item()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    print("epoch %d loss %.4f" % (epoch, epoch_loss / 6))
