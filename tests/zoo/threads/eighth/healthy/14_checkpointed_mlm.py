import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)
VOCAB, LENGTH, DIM, PAD, MASK = 20, 14, 48, 0, 1
successor = 2 + torch.randperm(VOCAB - 2)


def sample(n):
    lens = torch.randint(6, LENGTH + 1, (n,))
    seq = torch.randint(2, VOCAB, (n, 1))
    for _ in range(LENGTH - 1):
        seq = torch.cat([seq, successor[seq[:, -1:] - 2]], dim=1)
    return seq.masked_fill(torch.arange(LENGTH) >= lens.unsqueeze(1), PAD)


def mask_tokens(ids):
    labels = ids.clone()
    picked = (torch.rand(ids.shape) < 0.2) & (ids != PAD)
    labels[~picked] = -100
    roll = torch.rand(ids.shape)
    inputs = ids.clone()
    inputs[picked & (roll < 0.8)] = MASK
    swap = picked & (roll >= 0.9)
    inputs[swap] = torch.randint(2, VOCAB, ids.shape)[swap]
    return inputs, labels


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = nn.MultiheadAttention(DIM, 4, batch_first=True)
        self.ln1, self.ln2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.ff = nn.Sequential(nn.Linear(DIM, 2 * DIM), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * DIM, DIM))

    def forward(self, x, pad_mask):
        h = self.ln1(x)
        x = x + self.attn(h, h, h, key_padding_mask=pad_mask, need_weights=False)[0]
        return x + self.ff(self.ln2(x))


class MaskedLM(nn.Module):
    def __init__(self, depth=2):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, DIM, padding_idx=PAD)
        self.pos = nn.Parameter(0.1 * torch.randn(LENGTH, DIM))
        self.layers = nn.ModuleList([Layer() for _ in range(depth)])
        self.norm = nn.LayerNorm(DIM)
        self.decoder = nn.Linear(DIM, VOCAB)
        nn.init.normal_(self.tok.weight, std=0.3)
        self.decoder.weight = self.tok.weight

    def forward(self, ids):
        pad_mask = ids == PAD
        x = self.tok(ids) + self.pos
        for layer in self.layers:
            if self.training:
                x = checkpoint(layer, x, pad_mask, use_reentrant=False)
            else:
                x = layer(x, pad_mask)
        return self.decoder(self.norm(x))


model = MaskedLM()
decay = [p for p in model.parameters() if p.dim() >= 2]
no_decay = [p for p in model.parameters() if p.dim() < 2]
optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.01}, {"params": no_decay, "weight_decay": 0.0}], lr=4e-3)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / 40, (260 - s) / 220))

for step in range(260):
    inputs, labels = mask_tokens(sample(32))
    logits = model(inputs)
    loss = F.cross_entropy(logits.view(-1, VOCAB), labels.view(-1), ignore_index=-100)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    if step % 65 == 64:
        model.eval()
        with torch.no_grad():
            inputs, labels = mask_tokens(sample(300))
            hit = (model(inputs).argmax(-1) == labels)[labels != -100].float().mean().item()
        model.train()
        print(f"step {step + 1} loss {loss.item():.3f} masked accuracy {hit:.3f}")
