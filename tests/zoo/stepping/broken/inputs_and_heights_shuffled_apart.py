# expected: mispaired
# Pictures and what is measured in them come from two data sets, each shuffled by its own loader.
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Column(Dataset):
    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, place):
        return {"value": self.values[place], "place": place}


class Trainer:
    def __init__(self, pictures, heights):
        self.model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 1))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)
        self.pictures = DataLoader(Column(pictures), batch_size=6, shuffle=True)
        self.heights = DataLoader(Column(heights), batch_size=6, shuffle=True)  # <- mispaired

    def epoch(self):
        for picture, height in zip(self.pictures, self.heights, strict=True):
            self.optimizer.zero_grad()
            told = self.model(picture["value"]).squeeze(1)
            nn.functional.smooth_l1_loss(told, height["value"].float()).backward()
            self.optimizer.step()


pictures = torch.rand(18, 1, 6, 6)
trainer = Trainer(pictures, pictures.mean((1, 2, 3)).double())
model = trainer.model
trainer.epoch()
