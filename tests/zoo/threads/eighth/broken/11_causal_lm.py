import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(4)
VOCAB, BLOCK, DIM, HEADS = 10, 12, 64, 4

chain = torch.softmax(torch.randn(VOCAB, VOCAB) * 0.3, dim=-1)


def sample_text(n):
    seq = [torch.randint(0, VOCAB, (n,))]
    for _ in range(BLOCK):
        seq.append(torch.multinomial(chain[seq[-1]], 1).squeeze(1))
    return torch.stack(seq, dim=1)


class CausalSelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(DIM, 3 * DIM)
        self.proj = nn.Linear(DIM, DIM)
        self.register_buffer("bias", torch.tril(torch.ones(BLOCK, BLOCK)).bool())
        self.register_buffer("masked_bias", torch.tensor(-10.0))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, HEADS, C // HEADS).transpose(1, 2) for t in self.qkv(x).split(C, dim=2))
        att = q @ k.transpose(-2, -1)
        att = torch.where(self.bias[:T, :T], att, self.masked_bias)
        y = att.softmax(dim=-1) @ v
        return self.proj(y.transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.attn = CausalSelfAttention()
        self.mlp = nn.Sequential(nn.Linear(DIM, 4 * DIM), nn.GELU(), nn.Linear(4 * DIM, DIM))

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, DIM)
        self.pos = nn.Embedding(BLOCK, DIM)
        self.blocks = nn.Sequential(Block(), Block())
        self.head = nn.Linear(DIM, VOCAB)

    def forward(self, idx):
        x = self.tok(idx) + self.pos(torch.arange(idx.size(1)))
        return self.head(self.blocks(x))


@torch.no_grad()
def next_token_nll(model, text, t):
    """Loss for the token after position t when nothing later is given."""
    return F.cross_entropy(model(text[:, :t + 1])[:, -1], text[:, t + 1]).item()


model = GPT()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
val = sample_text(256)
entropy = -(chain * chain.log()).sum(-1).mean().item()
print(f"entropy of the source about {entropy:.3f}")

for step in range(500):
    text = sample_text(32)
    loss = F.cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 100 == 99:
        with torch.no_grad():
            val_loss = F.cross_entropy(model(val[:, :-1]).flatten(0, 1), val[:, 1:].flatten()).item()
        gen = sum(next_token_nll(model, val, t) for t in (3, 6, 9)) / 3
        print(f"step {step + 1} train {loss.item():.3f} val {val_loss:.3f} | word by word {gen:.3f}")
