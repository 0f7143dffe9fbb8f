import copy
import time

import torch
import torch.nn as nn
import torch.optim as optim
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(8)


class SmallResBlock(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.skip = nn.Conv2d(cin, cout, 1, stride, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.skip(x))


class SmallResNet(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 12, 3, 1, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU(inplace=True))
        self.layers = nn.Sequential(SmallResBlock(12, 24, 2), SmallResBlock(24, 32, 2))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(32, n_classes)

    def forward(self, x):
        return self.fc(self.pool(self.layers(self.stem(x))).flatten(1))


def insects(n, n_classes, noise):
    y = torch.randint(0, n_classes, (n,))
    proto = torch.randn(n_classes, 3, 6, 6, generator=torch.Generator().manual_seed(n_classes))
    x = noise * torch.randn(n, 3, 20, 20)
    for i in range(n):
        r, c = torch.randint(0, 14, (2,)).tolist()
        x[i, :, r:r + 6, c:c + 6] += proto[y[i]]
    return TensorDataset(x, y)


def train_model(model, dataloaders, criterion, optimizer, scheduler, num_epochs):
    since = time.time()
    best_acc, best_state = 0.0, copy.deepcopy(model.state_dict())
    for epoch in range(num_epochs):
        line = f"epoch {epoch:2d}"
        for phase in ["train", "val"]:
            model.train(phase == "train")
            running_loss, correct, seen = 0.0, 0, 0
            for inputs, labels in dataloaders[phase]:
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(inputs)
                    loss = criterion(outputs, labels)
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                        scheduler.step()
                running_loss += loss.item() * len(inputs)
                correct += (outputs.argmax(1) == labels).sum().item()
                seen += len(inputs)
            acc = correct / seen
            line += f"  {phase} loss {running_loss / seen:.4f} acc {acc:.4f}"
            if phase == "val" and acc > best_acc:
                best_acc, best_state = acc, copy.deepcopy(model.state_dict())
        print(line)
    print(f"done in {time.time() - since:.1f}s, best val acc {best_acc:.4f}")
    model.load_state_dict(best_state)
    return model


dataloaders = {
    "train": DataLoader(insects(256, 4, 0.5), batch_size=16, shuffle=True),
    "val": DataLoader(insects(128, 4, 0.5), batch_size=32),
}

model_ft = SmallResNet(n_classes=10)
model_ft.fc = nn.Linear(model_ft.fc.in_features, 4)
criterion = nn.CrossEntropyLoss()
optimizer_ft = optim.SGD(model_ft.parameters(), lr=0.02, momentum=0.9)
exp_lr_scheduler = lr_scheduler.StepLR(optimizer_ft, step_size=7, gamma=0.1)

model_ft = train_model(model_ft, dataloaders, criterion, optimizer_ft, exp_lr_scheduler, num_epochs=9)
