import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(6)


class FlashSelfAttention(nn.Module):
    def __init__(self, causal=False, softmax_scale=None, attention_dropout=0.0):
        super().__init__()
        self.causal = causal
        self.softmax_scale = softmax_scale
        self.dropout_p = attention_dropout

    def forward(self, q, k, v):
        if self.training:
            is_causal = self.causal
        else:
            is_causal = self.causal
            self.dropout_p = 0
        return F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout_p, is_causal=is_causal,
                                              scale=self.softmax_scale)


class ParallelAttention(nn.Module):
    def __init__(self, hidden, heads, attention_dropout):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(hidden, 3 * hidden)
        self.core_attention_flash = FlashSelfAttention(causal=True, attention_dropout=attention_dropout)
        self.dense = nn.Linear(hidden, hidden)

    def forward(self, x):
        b, s, h = x.shape
        qkv = self.query_key_value(x).view(b, s, 3, self.heads, h // self.heads).permute(2, 0, 3, 1, 4)
        ctx = self.core_attention_flash(qkv[0], qkv[1], qkv[2])
        return self.dense(ctx.transpose(1, 2).reshape(b, s, h))


class GPTModel(nn.Module):
    def __init__(self, vocab=16, hidden=32, layers=2, attention_dropout=0.3):
        super().__init__()
        self.word = nn.Embedding(vocab, hidden)
        self.pos = nn.Embedding(12, hidden)
        self.norms = nn.ModuleList([nn.LayerNorm(hidden) for _ in range(layers)])
        self.attn = nn.ModuleList([ParallelAttention(hidden, 4, attention_dropout) for _ in range(layers)])
        self.mlps = nn.ModuleList([nn.Sequential(nn.Linear(hidden, 64), nn.GELU(), nn.Linear(64, hidden))
                                   for _ in range(layers)])
        self.head = nn.Linear(hidden, vocab)

    def forward(self, ids):
        x = self.word(ids) + self.pos.weight[:ids.size(1)]
        for norm, attn, mlp in zip(self.norms, self.attn, self.mlps):
            x = x + attn(norm(x))
            x = x + mlp(x)
        return self.head(x)


def loss_of(model, ids):
    return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


def make(n):
    ids = [torch.randint(0, 16, (n,)), torch.randint(0, 16, (n,))]
    for _ in range(10):
        ids.append((ids[-1] + ids[-2]) % 16)
    ids = torch.stack(ids, 1)
    noise = torch.rand_like(ids, dtype=torch.float) < 0.1
    return torch.where(noise, torch.randint_like(ids, 16), ids)


train, valid = make(48), make(128)
model = GPTModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for it in range(1, 161):
    model.train()
    optimizer.zero_grad()
    loss = loss_of(model, train[torch.randint(0, 48, (16,))])
    loss.backward()
    optimizer.step()
    if it % 20 == 0:
        model.eval()
        with torch.no_grad():
            print("iteration %d lm loss %.4f valid %.4f" % (it, loss.item(), loss_of(model, valid).item()))
