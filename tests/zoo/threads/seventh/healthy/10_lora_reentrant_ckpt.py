import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

torch.manual_seed(6)

VOCAB, SEQ, DIM, PAD, IGNORE = 50, 20, 48, 0, -100


class LoRALinear(nn.Module):
    def __init__(self, base, r=4, alpha=8):
        super().__init__()
        self.base = base
        self.base.weight.requires_grad_(False)
        self.base.bias.requires_grad_(False)
        self.A = nn.Parameter(torch.randn(r, base.in_features) / base.in_features ** 0.5)
        self.B = nn.Parameter(torch.zeros(base.out_features, r))
        self.scale = alpha / r

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.A.t()) @ self.B.t()


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.qkv = nn.Linear(DIM, 3 * DIM)
        self.o = nn.Linear(DIM, DIM)
        self.up, self.down = nn.Linear(DIM, 4 * DIM), nn.Linear(4 * DIM, DIM)

    def forward(self, x):
        b, t, _ = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(b, t, 3, 4, DIM // 4).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(a.transpose(1, 2).reshape(b, t, DIM))
        return x + self.down(F.gelu(self.up(self.ln2(x))))


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb, self.pos = nn.Embedding(VOCAB, DIM), nn.Embedding(SEQ, DIM)
        self.blocks = nn.ModuleList([Block() for _ in range(3)])
        self.norm = nn.LayerNorm(DIM)
        self.lm_head = nn.Linear(DIM, VOCAB, bias=False)
        self.use_ckpt = False

    def forward(self, ids):
        x = self.emb(ids) + self.pos(torch.arange(ids.size(1)))
        for blk in self.blocks:
            x = checkpoint(blk, x, use_reentrant=True) if self.use_ckpt else blk(x)
        return self.lm_head(self.norm(x))


def make_batch(n, shift):
    lens = torch.randint(8, SEQ + 1, (n,))
    start = torch.randint(0, VOCAB - 1, (n, 1))
    ids = (start + shift * torch.arange(SEQ)) % (VOCAB - 1) + 1
    pad = torch.arange(SEQ)[None] >= lens[:, None]
    ids = ids.masked_fill(pad, PAD)
    labels = ids.masked_fill(pad, IGNORE)
    labels[:, :2] = IGNORE
    return ids, labels


def lm_loss(logits, labels):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORE)


model = LM()
opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(150):
    ids, labels = make_batch(32, shift=1)
    loss = lm_loss(model(ids), labels)
    opt.zero_grad()
    loss.backward()
    opt.step()
print(f"pretrained loss {loss.item():.4f}")

for p in model.parameters():
    p.requires_grad_(False)
for blk in model.blocks:
    blk.qkv, blk.o = LoRALinear(blk.qkv), LoRALinear(blk.o)
    blk.up, blk.down = LoRALinear(blk.up), LoRALinear(blk.down)
model.use_ckpt = True
model.emb.register_forward_hook(lambda mod, inp, out: out.requires_grad_(True))

trainable = [p for p in model.parameters() if p.requires_grad]
print("trainable", sum(p.numel() for p in trainable), "of", sum(p.numel() for p in model.parameters()))
opt = torch.optim.AdamW(trainable, lr=5e-3)
for step in range(120):
    ids, labels = make_batch(32, shift=3)
    loss = lm_loss(model(ids), labels)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 20 == 0 or step == 119:
        print(f"step {step} loss {loss.item():.4f}")
