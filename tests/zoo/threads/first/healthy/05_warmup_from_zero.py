import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import LambdaLR


def get_cosine_schedule_with_warmup(optimizer, num_warmup_steps, num_training_steps):
    def lr_lambda(current_step):
        if current_step < num_warmup_steps:
            return float(current_step) / float(max(1, num_warmup_steps))
        progress = float(current_step - num_warmup_steps) / float(max(1, num_training_steps - num_warmup_steps))
        return max(0.0, 0.5 * (1.0 + math.cos(math.pi * progress)))

    return LambdaLR(optimizer, lr_lambda)


class TextClassifier(nn.Module):
    def __init__(self, vocab=60, d=32, n_class=3):
        super().__init__()
        self.emb = nn.Embedding(vocab, d, padding_idx=0)
        layer = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.1, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(d, n_class)

    def forward(self, ids):
        pad = ids.eq(0)
        h = self.enc(self.emb(ids), src_key_padding_mask=pad)
        h = h.masked_fill(pad.unsqueeze(-1), 0).sum(1) / (~pad).sum(1, keepdim=True)
        return self.head(h)


torch.manual_seed(0)
ids = torch.randint(1, 60, (24, 10))
ids[:8, 7:] = 0
labels = ids[:, 0] % 3
model = TextClassifier()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
total = 6
scheduler = get_cosine_schedule_with_warmup(optimizer, 2, total)
for step in range(total):
    lr = scheduler.get_last_lr()[0]
    loss = F.cross_entropy(model(ids), labels)
    loss.backward()
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad()
    print(f"step {step} lr {lr:.2e} loss {loss.item():.4f}")
