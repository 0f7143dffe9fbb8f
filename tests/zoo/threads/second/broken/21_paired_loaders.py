import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(20)


class ArrayDataset(Dataset):
    def __init__(self, array):
        self.array = array

    def __len__(self):
        return len(self.array)

    def __getitem__(self, i):
        return self.array[i]


class Classifier(nn.Module):
    def __init__(self, n_classes=4):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16 * 4, n_classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


labels = torch.randint(0, 4, (240,))
scans = 0.2 * torch.randn(240, 1, 8, 8)
for i, c in enumerate(labels.tolist()):
    r, s = divmod(c, 2)
    scans[i, 0, r * 4:r * 4 + 4, s * 4:s * 4 + 4] += 1.0

scan_loader = DataLoader(ArrayDataset(scans), batch_size=40, shuffle=True)
label_loader = DataLoader(ArrayDataset(labels), batch_size=40, shuffle=True)

model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(5):
    model.train()
    total_loss, correct = 0.0, 0
    for image, label in zip(scan_loader, label_loader):
        optimizer.zero_grad()
        output = model(image)
        loss = F.cross_entropy(output, label)
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
        correct += (output.argmax(1) == label).sum().item()
    print(f"epoch {epoch} loss {total_loss / len(scan_loader):.4f} acc {correct / 240:.3f}")
