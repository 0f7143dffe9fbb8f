"""Action recognition: fixed CNN features per frame, trainable LSTM on top."""
import torch
import torch.nn as nn

torch.manual_seed(2)


class CNNLSTM(nn.Module):
    def __init__(self, num_classes=3):
        super().__init__()
        self.resnet = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                                    nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.proj = nn.Sequential(nn.Linear(32, 24), nn.ReLU())
        self.lstm = nn.LSTM(24, 24, num_layers=2, batch_first=True)
        self.fc1 = nn.Linear(24, 16)
        self.fc2 = nn.Linear(16, num_classes)
        self.resnet.eval()

    def train(self, mode=True):
        super().train(mode)
        self.resnet.eval()
        return self

    def forward(self, clip):
        b, t = clip.shape[:2]
        with torch.no_grad():
            feats = self.resnet(clip.flatten(0, 1)).view(b, t, -1)
        out, _ = self.lstm(self.proj(feats))
        return self.fc2(torch.relu(self.fc1(out[:, -1])))


def clips(b=12, t=5):
    y = torch.randint(0, 3, (b,))
    x = 0.3 * torch.randn(b, t, 3, 8, 8)
    ramp = torch.linspace(-1, 1, t).view(1, t, 1, 1)
    for k in range(3):
        x[y == k, :, k] += 1.5 * ramp * (1 if k % 2 else -1)
    return x, y


model = CNNLSTM()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(4):
    model.train()
    losses = []
    for _ in range(6):
        x, y = clips()
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        x, y = clips(48)
        acc = (model(x).argmax(1) == y).float().mean().item()
    print(f"epoch {epoch} loss {sum(losses) / 6:.4f} val acc {acc:.3f}")
