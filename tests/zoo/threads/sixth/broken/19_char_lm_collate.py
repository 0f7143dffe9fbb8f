"""Train a small decoder on token chains, then look at what it generates."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(3)
VOCAB, DIM, SEQ = 24, 48, 16
successor = torch.randperm(VOCAB)


class ChainDataset(Dataset):
    def __init__(self, n):
        rows = torch.empty(n, SEQ, dtype=torch.long)
        rows[:, 0] = torch.randint(0, VOCAB, (n,))
        for t in range(1, SEQ):
            follow = successor[rows[:, t - 1]]
            noise = torch.randint(0, VOCAB, (n,))
            rows[:, t] = torch.where(torch.rand(n) < 0.9, follow, noise)
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class DecoderForCausalLM(nn.Module):
    """Mirrors the usual hub interface: pass labels and get a loss back."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, DIM)
        self.pos = nn.Embedding(SEQ, DIM)
        layer = nn.TransformerEncoderLayer(DIM, 4, 96, dropout=0.0, batch_first=True, norm_first=True)
        self.decoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(DIM)
        self.lm_head = nn.Linear(DIM, VOCAB, bias=False)

    def forward(self, input_ids, labels=None):
        t = input_ids.size(1)
        x = self.embed(input_ids) + self.pos(torch.arange(t))
        mask = nn.Transformer.generate_square_subsequent_mask(t)
        logits = self.lm_head(self.norm(self.decoder(x, mask=mask, is_causal=True)))
        loss = None
        if labels is not None:
            shift_logits = logits[:, :-1].reshape(-1, VOCAB)
            shift_labels = labels[:, 1:].reshape(-1)
            loss = F.cross_entropy(shift_logits, shift_labels, ignore_index=-100)
        return {"loss": loss, "logits": logits}


def collate(rows):
    input_ids = torch.stack(rows)
    labels = torch.full_like(input_ids, -100)
    labels[:, :-1] = input_ids[:, 1:]
    return {"input_ids": input_ids, "labels": labels}


@torch.no_grad()
def generate(model, start, length):
    ids = start.clone()
    for _ in range(length):
        nxt = model(ids)["logits"][:, -1].argmax(-1, keepdim=True)
        ids = torch.cat([ids, nxt], dim=1)
    return ids


loader = DataLoader(ChainDataset(1024), batch_size=64, shuffle=True, collate_fn=collate)
model = DecoderForCausalLM()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)

for epoch in range(6):
    model.train()
    running = 0.0
    for batch in loader:
        out = model(**batch)
        optimizer.zero_grad()
        out["loss"].backward()
        optimizer.step()
        running += out["loss"].item()
    print(f"epoch {epoch} loss {running / len(loader):.4f}")

model.eval()
start = torch.arange(VOCAB).unsqueeze(1)
text = generate(model, start, 6)
follows = (successor[text[:, :-1]] == text[:, 1:]).float().mean().item()
print(f"generated transitions that occur in the data: {follows:.3f}")
