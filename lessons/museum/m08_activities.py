"""Says from short recordings of a sensor what somebody is doing: convolutions, then a recurrent net, then a class."""

import torch
from torch import nn

torch.manual_seed(8)
CHANNELS, SAMPLES, CLASSES = 3, 40, 5


class Recogniser(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv1d(CHANNELS, width, 5, stride=2), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, width, 3, stride=2), nn.BatchNorm1d(width), nn.ReLU(),
        )  # fmt: skip
        self.rnn = nn.LSTM(width, width, batch_first=True)
        self.dropout = nn.Dropout(0.2)
        self.classes = nn.Linear(width, CLASSES)

    def forward(self, recordings):
        features = self.convolutions(recordings).transpose(1, 2)
        states, _ = self.rnn(features)
        return torch.softmax(self.classes(self.dropout(states[:, -1])), dim=1)


class Recordings:
    """Each activity moves with a rhythm of its own."""

    def __init__(self):
        self.rhythms = torch.linspace(0.2, 1.4, CLASSES)

    def batch(self, size):
        labels = torch.randint(0, CLASSES, (size,))
        time = torch.arange(SAMPLES) * self.rhythms[labels][:, None]
        phase = 6.28 * torch.rand(size, CHANNELS, 1)
        return torch.sin(time[:, None, :] + phase) + 0.2 * torch.randn(size, CHANNELS, SAMPLES), labels


def class_weights(labels):
    counts = torch.bincount(labels, minlength=CLASSES).clamp(min=1)
    return counts.sum() / (CLASSES * counts.float())


def train_epoch(model, data, optimizer, batches):
    model.train()
    for _ in range(batches):
        recordings, labels = data.batch(32)
        criterion = nn.CrossEntropyLoss(weight=class_weights(labels))
        loss = criterion(model(recordings), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def confusion(model, data, size=200):
    model.eval()
    recordings, labels = data.batch(size)
    with torch.no_grad():
        found = model(recordings).argmax(-1)
    table = torch.zeros(CLASSES, CLASSES, dtype=torch.long)
    for right, said in zip(labels.tolist(), found.tolist(), strict=True):
        table[right, said] += 1
    return table


def main():
    data, model = Recordings(), Recogniser()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(3):
        print(f"epoch {epoch}: loss {train_epoch(model, data, optimizer, batches=10):.4f}")
    table = confusion(model, data)
    print("accuracy", round(table.diagonal().sum().item() / table.sum().item(), 3))


if __name__ == "__main__":
    main()
