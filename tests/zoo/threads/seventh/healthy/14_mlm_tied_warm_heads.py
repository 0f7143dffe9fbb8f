import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(23)

VOCAB, MASK, PAD, SEQ, DIM = 60, 1, 0, 16, 64
SOP_START = 150


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, DIM, padding_idx=PAD)
        self.pos = nn.Parameter(torch.zeros(SEQ, DIM))
        nn.init.normal_(self.pos, std=0.02)
        nn.init.normal_(self.tok.weight, std=0.05)
        with torch.no_grad():
            self.tok.weight[PAD].zero_()
        layer = nn.TransformerEncoderLayer(DIM, 4, 128, dropout=0.0, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(DIM)

    def forward(self, ids):
        return self.norm(self.enc(self.tok(ids) + self.pos, src_key_padding_mask=ids == PAD))


class PretrainModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.transform = nn.Sequential(nn.Linear(DIM, DIM), nn.GELU(), nn.LayerNorm(DIM))
        self.decoder = nn.Linear(DIM, VOCAB)
        self.decoder.weight = self.encoder.tok.weight
        self.order_head = nn.Linear(DIM, 2)

    def forward(self, ids):
        h = self.encoder(ids)
        return self.decoder(self.transform(h)), self.order_head(h[:, 0])


def make_sentences(n):
    lens = torch.randint(10, SEQ + 1, (n,))
    start, step = torch.randint(0, VOCAB - 2, (n, 1)), torch.randint(1, 3, (n, 1))
    ids = (start + step * torch.arange(SEQ)) % (VOCAB - 2) + 2
    swapped = torch.rand(n) < 0.5
    ids = torch.where(swapped[:, None], torch.roll(ids, 5, dims=1), ids)
    return ids.masked_fill(torch.arange(SEQ)[None] >= lens[:, None], PAD), swapped.long()


def mask_tokens(ids, p=0.15):
    labels = ids.clone()
    pick = (torch.rand(ids.shape) < p) & (ids != PAD)
    labels[~pick] = -100
    r = torch.rand(ids.shape)
    out = ids.clone()
    out[pick & (r < 0.8)] = MASK
    rand_pos = pick & (r >= 0.8) & (r < 0.9)
    out[rand_pos] = torch.randint(2, VOCAB, (int(rand_pos.sum()),))
    return out, labels


model = PretrainModel()
decay = [p for p in model.parameters() if p.dim() > 1]
no_decay = [p for p in model.parameters() if p.dim() <= 1]
opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.01},
                         {"params": no_decay, "weight_decay": 0.0}], lr=2e-3)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / 50))

for step in range(400):
    ids, order = make_sentences(48)
    inp, labels = mask_tokens(ids)
    mlm_logits, order_logits = model(inp)
    mlm = F.cross_entropy(mlm_logits.flatten(0, 1), labels.flatten())
    sop = F.cross_entropy(order_logits, order)
    sop_weight = 0.0 if step < SOP_START else 0.5
    loss = mlm + sop_weight * sop
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    sched.step()
    if step % 50 == 0 or step == 399:
        sel = labels != -100
        acc = (mlm_logits.argmax(-1)[sel] == labels[sel]).float().mean()
        sop_acc = (order_logits.argmax(-1) == order).float().mean()
        print(f"step {step} mlm {mlm.item():.4f} acc {acc:.3f} sop {sop.item():.4f} sop acc {sop_acc:.3f}")
