"""Fine-tunes a small encoder for another number of classes: first a few steps as it is, then with a new head."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(1)
CLASSES_BEFORE, CLASSES_NOW = 6, 3


class Encoder(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.embed = nn.Linear(10, width)
        self.mix = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        hidden = torch.relu(self.embed(x))
        return self.norm(hidden + self.mix(hidden))


class Classifier(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.encoder = Encoder()
        self.head = nn.Linear(16, classes)

    def forward(self, x):
        return self.head(self.encoder(x))


def batches(count, classes):
    centres = torch.randn(classes, 10)
    for _ in range(count):
        labels = torch.randint(0, classes, (32,))
        yield centres[labels] + 0.3 * torch.randn(32, 10), labels


def pretrained():
    """Stands for a checkpoint that was trained on another task."""
    return Classifier(CLASSES_BEFORE)


def make_optimizer(model, rate, decay):
    with_decay = [one for name, one in model.named_parameters() if name.endswith("weight")]
    without = [one for name, one in model.named_parameters() if not name.endswith("weight")]
    groups = [{"params": with_decay, "weight_decay": decay}, {"params": without, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate)


def adapt_head(model, classes):
    model.head = nn.Linear(model.head.in_features, classes)
    nn.init.normal_(model.head.weight, std=0.02)
    nn.init.zeros_(model.head.bias)


def accuracy(model, data):
    with torch.no_grad():
        right = [(model(inputs).argmax(-1) == labels).float().mean() for inputs, labels in data]
    return torch.stack(right).mean().item()


def main(steps=40):
    model = pretrained()
    optimizer = make_optimizer(model, rate=1e-3, decay=0.01)
    adapt_head(model, CLASSES_NOW)
    data = list(batches(steps, CLASSES_NOW))
    for step, (inputs, labels) in enumerate(data):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 10 == 0:
            print(f"step {step}: loss {loss.item():.4f}")
    print(f"accuracy {accuracy(model, data):.3f}")


if __name__ == "__main__":
    main()
