import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(10)


def get_pad_mask(inputs, input_lengths):
    mask = torch.arange(inputs.size(1))[None, :] >= input_lengths[:, None]
    return mask.unsqueeze(1).expand(-1, inputs.size(1), -1)


class ScaledDotProductAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.sqrt_dim = math.sqrt(dim)

    def forward(self, query, key, value, mask=None):
        score = torch.bmm(query, key.transpose(1, 2)) / self.sqrt_dim
        if mask is not None:
            score = score.masked_fill(mask, -np.inf)
        attn = F.softmax(score, -1)
        return torch.bmm(attn, value)


class EncoderLayer(nn.Module):
    def __init__(self, d_model=32):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.attention = ScaledDotProductAttention(d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.ff = nn.Sequential(nn.Linear(d_model, 64), nn.ReLU(), nn.Linear(64, d_model))

    def forward(self, x, mask):
        x = self.norm1(x + self.attention(self.q(x), self.k(x), self.v(x), mask))
        return self.norm2(x + self.ff(x))


class SpeechTransformer(nn.Module):
    def __init__(self, num_classes=5, d_model=32, input_dim=20, num_layers=2):
        super().__init__()
        self.input_proj = nn.Linear(input_dim, d_model)
        self.layers = nn.ModuleList([EncoderLayer(d_model) for _ in range(num_layers)])
        self.fc = nn.Linear(d_model, num_classes)

    def forward(self, inputs, lengths):
        mask = get_pad_mask(inputs, lengths)
        x = self.input_proj(inputs)
        for layer in self.layers:
            x = layer(x, mask)
        valid = (~mask[:, 0]).float().unsqueeze(-1)
        pooled = (x * valid).sum(1) / valid.sum(1).clamp(min=1)
        return self.fc(pooled)


proto = torch.randn(5, 20)
model = SpeechTransformer()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
epoch_loss, n = 0.0, 0
for step in range(1, 121):
    y = torch.randint(0, 5, (16,))
    x = proto[y][:, None, :] + 0.7 * torch.randn(16, 18, 20)
    seconds = torch.rand(16) * 2.2
    lengths = (seconds * 8).long().clamp(max=18)
    optimizer.zero_grad()
    loss = criterion(model(x, lengths), y)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 400)
    optimizer.step()
    epoch_loss += loss.item()
    n += 1
    if step % 20 == 0:
        print("timestep %d, loss: %.4f" % (step, epoch_loss / n))
