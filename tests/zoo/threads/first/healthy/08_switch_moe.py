import torch
import torch.nn as nn
import torch.nn.functional as F


class Expert(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.up, self.down = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def forward(self, x):
        return self.down(F.gelu(self.up(x)))


class SwitchFFN(nn.Module):
    def __init__(self, d, n_experts):
        super().__init__()
        self.router = nn.Linear(d, n_experts, bias=False)
        self.experts = nn.ModuleList(Expert(d) for _ in range(n_experts))

    def forward(self, x):
        flat = x.reshape(-1, x.size(-1))
        probs = self.router(flat).softmax(-1)
        gate, idx = probs.max(-1)
        out = torch.zeros_like(flat)
        for e, expert in enumerate(self.experts):
            sel = idx == e
            if sel.any():
                out[sel] = gate[sel].unsqueeze(1) * expert(flat[sel])
        load = F.one_hot(idx, len(self.experts)).float().mean(0)
        balance = len(self.experts) * (load * probs.mean(0)).sum()
        return out.view_as(x), balance


class Block(nn.Module):
    def __init__(self, d=16, n_experts=8):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attn = nn.MultiheadAttention(d, 2, batch_first=True)
        self.ffn = SwitchFFN(d, n_experts)

    def forward(self, x):
        h = self.norm1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        y, balance = self.ffn(self.norm2(x))
        return x + y, balance


torch.manual_seed(0)
emb, block, head = nn.Embedding(20, 16), Block(), nn.Linear(16, 20)
params = [*emb.parameters(), *block.parameters(), *head.parameters()]
opt = torch.optim.Adam(params, lr=1e-2)
for step in range(5):
    ids = torch.randint(0, 20, (1, 5))
    h, balance = block(emb(ids))
    loss = F.cross_entropy(head(h).flatten(0, 1), ids.flatten()) + 0.01 * balance
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(step, round(loss.item(), 4))
