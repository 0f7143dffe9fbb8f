# expected: trained_or_frozen_by_mistake
# The stages are frozen in train(), and nobody calls train() before the first epoch.
# after: TrainCheck, mmpretrain-702
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion frozen=stages.0
import torch
from torch import nn


class Backbone(nn.Module):
    def __init__(self, frozen_stages):
        super().__init__()
        self.stages = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])
        self.head, self.frozen_stages = nn.Linear(8, 3), frozen_stages

    def train(self, mode=True):
        super().train(mode)
        for stage in self.stages[: self.frozen_stages]:
            stage.requires_grad_(False)
        return self

    def forward(self, x):
        for stage in self.stages:
            x = stage(x).relu()
        return self.head(x)


torch.manual_seed(0)
x, y = torch.randn(8, 8), torch.randint(0, 3, (8,))
model, criterion = Backbone(frozen_stages=1), nn.CrossEntropyLoss()  # <- trained_or_frozen_by_mistake
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
