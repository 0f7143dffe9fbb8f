# expected: state_not_restored
# The checkpoint has both; only the model's part is used.
import pathlib
import tempfile

import torch
from torch import nn


class Trainer:
    def __init__(self, path):
        self.path = path
        self.model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        self.epoch = 0

    def fit(self, epochs):
        for self.epoch in range(self.epoch, self.epoch + epochs):
            self.optimizer.zero_grad()
            nn.functional.mse_loss(self.model(torch.randn(8, 4)), torch.randn(8, 1)).backward()
            self.optimizer.step()

    def save(self):
        torch.save({"net": self.model.state_dict(), "opt": self.optimizer.state_dict(), "epoch": self.epoch}, self.path)

    def resume(self):
        saved = torch.load(self.path)
        self.model.load_state_dict(saved["net"])  # <- state_not_restored
        self.epoch = saved["epoch"]


torch.manual_seed(0)
with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder) / "last.pt"
    if not file.exists():
        content = Trainer(file)
        made = {
            name: {"step": torch.tensor(5.0), "exp_avg": torch.zeros(1), "exp_avg_sq": torch.ones(1)}
            for name in range(4)
        }
        groups = content.optimizer.state_dict()["param_groups"]
        torch.save(
            {"net": content.model.state_dict(), "opt": {"state": made, "param_groups": groups}, "epoch": 5}, file
        )
    trainer = Trainer(file)
    trainer.resume()
    trainer.fit(3)
model = trainer.model
