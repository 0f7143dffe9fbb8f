import torch
import torch.nn as nn


class Backbone(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(c, 2 * c, 3, padding=1), nn.BatchNorm2d(2 * c), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.fc = nn.Linear(2 * c, 100)

    def forward(self, x):
        return self.fc(self.features(x).flatten(1))


def pretrained_weights():
    g = torch.Generator().manual_seed(123)
    net = Backbone()
    return {k: (torch.randn(v.shape, generator=g) * 0.2 if v.is_floating_point() and v.dim() > 1 else v)
            for k, v in net.state_dict().items()}


torch.manual_seed(0)
model = Backbone()
model.load_state_dict(pretrained_weights())
for p in model.parameters():
    p.requires_grad = False
model.fc = nn.Linear(model.fc.in_features, 5)

optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.1)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
x, y = torch.rand(40, 3, 16, 16), torch.randint(0, 5, (40,))
for epoch in range(6):
    model.eval()
    model.fc.train()
    total = 0.0
    for xb, yb in zip(x.split(20), y.split(20)):
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()
    print(f"epoch {epoch} loss {total / 2:.4f} lr {scheduler.get_last_lr()[0]:.4f}")
