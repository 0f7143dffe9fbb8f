import torch
import torch.nn as nn
import torch.nn.functional as F

BOS, EOS, PAD = 0, 1, 2


class Attn(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.k_cache = self.v_cache = None

    def forward(self, x, use_cache=False):
        q, k, v = self.qkv(x).chunk(3, -1)
        if use_cache:
            if self.k_cache is not None:
                k, v = torch.cat([self.k_cache, k], 1), torch.cat([self.v_cache, v], 1)
            self.k_cache, self.v_cache = k.detach(), v.detach()
            return self.out(F.scaled_dot_product_attention(q, k, v, is_causal=q.size(1) > 1))
        return self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True))


class LM(nn.Module):
    def __init__(self, vocab=14, dim=48):
        super().__init__()
        self.emb, self.pos = nn.Embedding(vocab, dim), nn.Embedding(24, dim)
        self.attn = nn.ModuleList([Attn(dim) for _ in range(2)])
        self.ff = nn.ModuleList([nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)) for _ in range(2)])
        self.head = nn.Linear(dim, vocab)

    def forward(self, ids, offset=0, use_cache=False):
        x = self.emb(ids) + self.pos(torch.arange(offset, offset + ids.size(1)))
        for a, f in zip(self.attn, self.ff):
            x = x + a(x, use_cache)
            x = x + f(x)
        return self.head(x)

    def reset_cache(self):
        for a in self.attn:
            a.k_cache = a.v_cache = None


def batch(n):
    ids, labels = torch.full((n, 12), PAD), torch.full((n, 12), -100)
    for i in range(n):
        k = int(torch.randint(2, 5, (1,)))
        src = torch.randint(4, 14, (k,))
        row = torch.cat([torch.tensor([BOS]), src, torch.tensor([3]), src, torch.tensor([EOS])])
        ids[i, :len(row)] = row
        labels[i, k + 2:len(row)] = row[k + 2:]
    return ids, labels


@torch.no_grad()
def generate(model, prompt):
    model.eval()
    model.reset_cache()
    out, cur, offset = [], prompt.view(1, -1), 0
    for _ in range(6):
        nxt = model(cur, offset, use_cache=True)[0, -1].argmax()
        offset += cur.size(1)
        out.append(nxt.item())
        if nxt.item() == EOS:
            break
        cur = nxt.view(1, 1)
    model.reset_cache()
    model.train()
    return out


def main():
    torch.manual_seed(0)
    model = LM()
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(201):
        ids, labels = batch(32)
        loss = F.cross_entropy(model(ids)[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 50 == 0:
            print(f"step {step:3d} loss {loss.item():.4f} copy 5,9 ->", generate(model, torch.tensor([BOS, 5, 9, 3])))


if __name__ == "__main__":
    main()
