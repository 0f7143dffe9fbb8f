import os
import tempfile
from glob import glob

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(3)
rng = np.random.default_rng(3)


def make_images(root, n=320, size=24):
    cover_dir, stego_dir = os.path.join(root, "cover"), os.path.join(root, "stego")
    os.makedirs(cover_dir)
    os.makedirs(stego_dir)
    xs = np.linspace(0, 1, size)
    for i in range(n):
        a, b, c = rng.uniform(0, 160, 3)
        cover = np.clip(a * xs[:, None] + b * xs[None] + c * 0.3, 0, 250).round()
        payload = rng.integers(0, 2, (size, size)) * 2
        np.save(os.path.join(cover_dir, f"{i:04d}.npy"), cover)
        np.save(os.path.join(stego_dir, f"{i:04d}.npy"), cover + payload)
    return cover_dir, stego_dir


class PairDataset(Dataset):
    """Returns the cover image and its stego version together."""

    def __init__(self, cover_dir, stego_dir):
        self.cover_dir = cover_dir
        self.stego_dir = stego_dir
        self.names = [p.split("\\")[-1] for p in sorted(glob(cover_dir + "/*"))]

    def __len__(self):
        return len(self.names)

    def __getitem__(self, idx):
        name = self.names[idx]
        cover = np.load(os.path.join(self.cover_dir, name))
        stego = np.load(os.path.join(self.stego_dir, name))
        images = np.stack([cover, stego])[:, None].astype("float32")
        return torch.from_numpy(images), torch.tensor([0, 1])


class StegNet(nn.Module):
    def __init__(self):
        super().__init__()
        kernel = torch.tensor([[-1.0, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4
        self.register_buffer("hpf", kernel[None, None])
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16, 2)

    def forward(self, x):
        x = F.conv2d(x, self.hpf)
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(F.avg_pool2d(x, 2)))
        return self.fc(x.mean(dim=(2, 3)))


with tempfile.TemporaryDirectory() as root:
    dirs = make_images(root)
    loader = DataLoader(PairDataset(*dirs), batch_size=16, shuffle=True)
    model = StegNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    for epoch in range(6):
        total, correct, seen = 0.0, 0, 0
        for images, labels in loader:
            images, labels = images.flatten(0, 1), labels.flatten()
            logits = model(images)
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            correct += (logits.argmax(1) == labels).sum().item()
            seen += len(labels)
        print(f"epoch {epoch} loss {total / seen:.4f} acc {correct / seen:.3f}")
