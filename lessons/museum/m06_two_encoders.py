"""Brings descriptions and what they describe together: two encoders, and a contrastive loss over the batch."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(6)
WORDS, LENGTH, PIXELS, WIDTH = 40, 6, 30, 16


class TextEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(WORDS, WIDTH)
        self.layer = nn.TransformerEncoderLayer(WIDTH, nhead=2, dim_feedforward=32, dropout=0.0, batch_first=True)

    def forward(self, words):
        return self.layer(self.table(words)).mean(1)


class ImageEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(PIXELS, 48), nn.GELU(), nn.Linear(48, WIDTH))

    def forward(self, pixels):
        return self.net(pixels)


class Pairs(nn.Module):
    def __init__(self):
        super().__init__()
        self.text, self.image = TextEncoder(), ImageEncoder()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, words, pixels):
        text = F.normalize(self.text(words), dim=-1)
        image = F.normalize(self.image(pixels), dim=-1)
        return self.scale.exp() * text @ image.T

    def trainable(self):
        """What the optimizer is given: the image side learns at the full rate."""
        return [{"params": self.image.parameters()}, {"params": [self.scale], "weight_decay": 0.0}]


class Captions:
    """Each word has a picture; a picture is the sum of those of its words."""

    def __init__(self):
        self.drawn = torch.randn(WORDS, PIXELS)

    def batch(self, size):
        words = torch.randint(0, WORDS, (size, LENGTH))
        return words, self.drawn[words].sum(1) + 0.2 * torch.randn(size, PIXELS)


def contrastive(similarity):
    labels = torch.arange(len(similarity))
    return (F.cross_entropy(similarity, labels) + F.cross_entropy(similarity.T, labels)) / 2


def recall(model, data, size=64):
    words, pixels = data.batch(size)
    model.eval()
    with torch.no_grad():
        found = model(words, pixels).argmax(-1)
    model.train()
    return (found == torch.arange(size)).float().mean().item()


def main(steps=40):
    data, model = Captions(), Pairs()
    optimizer = torch.optim.AdamW(model.trainable(), lr=3e-3, weight_decay=0.01)
    for step in range(steps):
        loss = contrastive(model(*data.batch(32)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            print(f"step {step}: loss {loss.item():.4f}")
    print(f"recall {recall(model, data):.3f}")


if __name__ == "__main__":
    main()
