import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(0)


def scan(kind):
    volume = torch.randn(1, 10, 10, 10) * 0.4
    c = torch.randint(2, 6, (3,)).tolist()
    size = 3 if kind == "AD" else 2
    volume[0, c[0]:c[0] + size, c[1]:c[1] + size, c[2]:c[2] + size] += 1.5 if kind == "AD" else -1.5
    return volume


folders = {"AD": 120, "DFT": 120}
images, labels = [], []
for label, (folder, count) in enumerate(folders.items()):
    for _ in range(count):
        images.append(scan(folder))
        labels.append(label)


class VolumeDataset(Dataset):
    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        x = self.images[i]
        return (x - x.mean()) / x.std(), self.labels[i]


n_train = 100
train_loader = DataLoader(VolumeDataset(images[:n_train], labels[:n_train]), batch_size=10, shuffle=True)
val_loader = DataLoader(VolumeDataset(images[-40:], labels[-40:]), batch_size=10)

model = nn.Sequential(
    nn.Conv3d(1, 8, 3), nn.ReLU(),
    nn.Conv3d(8, 16, 3, stride=2), nn.ReLU(),
    nn.AdaptiveMaxPool3d(1), nn.Flatten(), nn.Linear(16, 2),
)
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), 2e-3)

best = -1.0
for epoch in range(12):
    model.train()
    epoch_loss = 0.0
    for inputs, target in train_loader:
        optimizer.zero_grad()
        loss = loss_function(model(inputs), target)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()

    model.eval()
    correct = 0
    with torch.no_grad():
        for inputs, target in val_loader:
            correct += (model(inputs).argmax(dim=1) == target).sum().item()
    metric = correct / len(val_loader.dataset)
    best = max(best, metric)
    print(f"epoch {epoch + 1} average loss {epoch_loss / len(train_loader):.4f} accuracy {metric:.4f} best {best:.4f}")
