"""skip-gram with negative sampling, sparse embeddings + SparseAdam, dense projection with Adam"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(6)
VOCAB, DIM, NEG = 200, 16, 5


class SkipGram(nn.Module):
    def __init__(self):
        super().__init__()
        self.center = nn.Embedding(VOCAB, DIM, sparse=True)
        self.context = nn.Embedding(VOCAB, DIM, sparse=True)
        self.proj = nn.Linear(DIM, DIM, bias=False)
        nn.init.uniform_(self.center.weight, -0.5 / DIM, 0.5 / DIM)
        nn.init.zeros_(self.context.weight)

    def forward(self, c, pos, neg):
        v = self.proj(self.center(c))
        p = (v * self.context(pos)).sum(-1)
        n = torch.bmm(self.context(neg), v.unsqueeze(2)).squeeze(2)
        return -(F.logsigmoid(p) + F.logsigmoid(-n).sum(1)).mean()


def pairs(n=64):
    # ids above 150 are rare words which never show up in this short run
    c = torch.randint(0, 150, (n,))
    pos = (c + torch.randint(1, 3, (n,))) % 150
    neg = torch.randint(0, 150, (n, NEG))
    return c, pos, neg


model = SkipGram()
sparse_params = [model.center.weight, model.context.weight]
optims = [torch.optim.SparseAdam(sparse_params, lr=2e-2), torch.optim.Adam(model.proj.parameters(), lr=5e-3)]
hist = []
for step in range(60):
    loss = model(*pairs())
    for o in optims:
        o.zero_grad()
    loss.backward()
    for o in optims:
        o.step()
    hist.append(loss.item())
    if step % 15 == 14:
        print(f"step {step + 1} loss {sum(hist[-15:]) / 15:.4f} |ctx| {model.context.weight.norm().item():.3f}")

with torch.no_grad():
    e = F.normalize(model.center.weight[:150], dim=1)
    print("neighbour cos %.3f" % (e[:-1] * e[1:]).sum(1).mean().item())
