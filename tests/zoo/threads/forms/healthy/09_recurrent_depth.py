import torch
from torch import nn

torch.manual_seed(0)


class Step(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.attn = nn.MultiheadAttention(dim, 2, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.n1, self.n2 = nn.LayerNorm(dim), nn.LayerNorm(dim)

    def forward(self, h, mask):
        n = self.n1(h)
        h = h + self.attn(n, n, n, attn_mask=mask, need_weights=False)[0]
        return h + self.ff(self.n2(h))


class UniversalLM(nn.Module):
    """One block applied several times; input and output share the embedding."""

    def __init__(self, vocab, dim=32, depth=3, length=16):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        nn.init.normal_(self.embed.weight, std=dim ** -0.5)
        self.pos = nn.Parameter(torch.randn(length, dim) * 0.02)
        block = Step(dim)
        self.depth = nn.ModuleList([block] * depth)
        self.level = nn.Parameter(torch.zeros(depth, dim))
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, vocab, bias=False)
        self.out.weight = self.embed.weight
        self.register_buffer("mask", torch.ones(length, length, dtype=torch.bool).triu(1))

    def forward(self, input_ids, labels=None):
        n = input_ids.size(1)
        h = self.embed(input_ids) + self.pos[:n]
        for block, level in zip(self.depth, self.level):
            h = block(h + level, self.mask[:n, :n])
        logits = self.out(self.norm(h))
        out = {"logits": logits}
        if labels is not None:
            out["loss"] = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return out


def sequences(n, vocab=11, length=12):
    start, stride = torch.randint(vocab, (n, 1)), torch.randint(1, 4, (n, 1))
    return (start + stride * torch.arange(length)) % vocab


model = UniversalLM(11)
optim = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(200):
    ids = sequences(32)
    loss = model(ids, labels=ids)["loss"]
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 40 == 0:
        print(step, round(loss.item(), 3))
with torch.no_grad():
    ids = torch.tensor([[1, 4, 7]])
    for _ in range(5):
        ids = torch.cat([ids, model(ids)["logits"][:, -1:].argmax(-1)], dim=1)
print("1 4 7 goes on as", ids[0].tolist())
