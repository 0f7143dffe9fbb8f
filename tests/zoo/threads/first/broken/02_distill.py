from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Configs:
    temperature: float = 5.0
    soft_weight: float = 0.9
    n_classes: int = 10
    batch_size: int = 32
    lr: float = 0.05
    steps: int = 5


def make_net(width, n_classes):
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
        nn.Flatten(), nn.Linear(4 * width, n_classes))


class Distiller:
    def __init__(self, c: Configs):
        torch.manual_seed(11)
        self.c = c
        self.large = make_net(32, c.n_classes).eval()
        self.small = make_net(8, c.n_classes)
        self.kl_div = nn.KLDivLoss(reduction='batchmean')
        self.ce = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.small.parameters(), lr=c.lr)

    def step(self, data, target):
        with torch.no_grad():
            large_logits = self.large(data)
        output = self.small(data)

        log_soft_targets = torch.log_softmax(large_logits / self.c.temperature, dim=-1)
        soft_prob = torch.softmax(large_logits / self.c.temperature, dim=-1)
        soft_loss = self.kl_div(log_soft_targets, soft_prob)
        label_loss = self.ce(output, target)

        loss = self.c.soft_weight * soft_loss + (1 - self.c.soft_weight) * label_loss
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return soft_loss.item(), label_loss.item()


def main():
    c = Configs()
    d = Distiller(c)
    x = torch.randn(c.batch_size, 1, 12, 12)
    y = torch.randint(0, c.n_classes, (c.batch_size,))
    for i in range(c.steps):
        soft, label = d.step(x, y)
        print(f"{i}: soft {soft:.5f}  label {label:.5f}")


if __name__ == '__main__':
    main()
