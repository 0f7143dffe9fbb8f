# expected: detach
# A training step gives its loss detached, as if it were for the progress bar.
import torch
from torch import nn


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 2)
        self.logged = {}

    def training_step(self, batch):
        data, target = batch
        value = nn.functional.mse_loss(self.layer(data), target)
        self.logged["train_loss"] = value.item()
        return {"loss": value.detach(), "log": self.logged}  # <- detach


model = Module()
wrt = model


def loss():
    return model.training_step((torch.randn(8, 5), torch.randn(8, 2)))["loss"]
