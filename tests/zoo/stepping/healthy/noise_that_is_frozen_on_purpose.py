# Random features, hashed words beside the learnt ones, positions that were written, and three encoders by one word.
import math

import torch
from torch import nn


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Linear(4, 16).requires_grad_(False)
        self.places = nn.Embedding(6, 8)
        self.places.weight.data.copy_(torch.arange(48.0).view(6, 8) / 48)
        self.places.weight.requires_grad = False
        self.words = nn.Embedding.from_pretrained(torch.randn(20, 8))
        self.encoder, self.text_encoder = nn.Linear(8, 8), nn.Linear(8, 8)
        self.encoder_norm = nn.LayerNorm(8)
        self.score = nn.Linear(24, 1)

    def forward(self, x, text):
        read = self.words(text) + self.places(torch.arange(text.shape[1]))
        read = self.encoder_norm(self.encoder(read) + self.text_encoder(read)).mean(1)
        waves = math.sqrt(2 / 16) * torch.cos(self.features(x))
        return self.score(torch.cat([waves, read], dim=1)).squeeze(1)


torch.manual_seed(0)
model = Reader()
for name, parameter in model.named_parameters():
    if "encoder" in name:
        parameter.requires_grad = False
noise, guess = nn.Embedding(20, 4), nn.Embedding(20, 4)
noise.weight.requires_grad = False
optimizer = torch.optim.Adam([*filter(lambda one: one.requires_grad, model.parameters()), *guess.parameters()])
for _ in range(3):
    x, text = torch.randn(6, 4), torch.randint(20, (6, 6))
    optimizer.zero_grad()
    loss = (model(x, text) - x.sum(1)).square().mean() + (guess(text) - noise(text)).square().mean()
    loss.backward()
    optimizer.step()
