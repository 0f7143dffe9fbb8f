import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(17)

VOCAB, N_CAND, N_MENTIONS, Q_LEN = 60, 12, 24, 6


def make_example():
    """Mentions of candidates in documents, a query, the index of the answer."""
    query = torch.randint(0, VOCAB, (Q_LEN,))
    owner = torch.cat([torch.arange(N_CAND), torch.randint(0, N_CAND, (N_MENTIONS - N_CAND,))])
    answer = torch.randint(0, N_CAND, ()).item()
    context = torch.randint(0, VOCAB, (N_MENTIONS, 4))
    for m in torch.nonzero(owner == answer).flatten().tolist():
        context[m, :2] = query[torch.randperm(Q_LEN)[:2]]
    same = (owner[:, None] == owner[None]).float()
    near = (torch.rand(N_MENTIONS, N_MENTIONS) < 0.06).float()
    near = ((near + near.t()) > 0).float()
    return query, context, owner, torch.stack([same, near]), answer


def collate(items):
    q, c, o, a, y = zip(*items)
    return torch.stack(q), torch.stack(c), torch.stack(o), torch.stack(a), torch.tensor(y)


class RelationalGCNLayer(nn.Module):
    def __init__(self, dim, n_rel=2):
        super().__init__()
        self.rel = nn.ModuleList([nn.Linear(dim, dim, bias=False) for _ in range(n_rel)])
        self.self_loop = nn.Linear(dim, dim)
        self.gate = nn.Linear(2 * dim, dim)

    def forward(self, h, adj):
        update = self.self_loop(h)
        for r, lin in enumerate(self.rel):
            a = adj[:, r]
            update = update + (a / a.sum(-1, keepdim=True).clamp(min=1)) @ lin(h)
        g = torch.sigmoid(self.gate(torch.cat([update, h], -1)))
        return g * torch.tanh(update) + (1 - g) * h


class TransformerGCNQA(nn.Module):
    def __init__(self, dim=48, n_layers=2):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, dim)
        self.query_encoder = nn.TransformerEncoderLayer(dim, 4, 96, dropout=0.0, batch_first=True)
        self.mix = nn.Linear(3 * dim, dim)
        self.layers = nn.ModuleList([RelationalGCNLayer(dim) for _ in range(n_layers)])
        self.out = nn.Sequential(nn.Linear(2 * dim, dim), nn.ReLU(), nn.Linear(dim, 1))

    def forward(self, query, context, owner, adj):
        q = self.query_encoder(self.embed(query)).mean(1)
        m = self.embed(context).mean(2)
        q_rep = q[:, None].expand_as(m)
        h = torch.tanh(self.mix(torch.cat([m, q_rep, m * q_rep], -1)))
        for layer in self.layers:
            h = layer(h, adj)
        score = self.out(torch.cat([h, q_rep], -1)).squeeze(-1)
        member = F.one_hot(owner, N_CAND).transpose(1, 2).bool()
        per_cand = score[:, None].masked_fill(~member, -1e4).max(-1).values
        return F.softmax(per_cand, dim=-1)


train = [make_example() for _ in range(640)]
valid = collate([make_example() for _ in range(200)])
model = TransformerGCNQA()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(10):
    model.train()
    order = torch.randperm(len(train)).tolist()
    total, n_batches = 0.0, 0
    for start in range(0, len(order), 32):
        query, context, owner, adj, answer = collate([train[i] for i in order[start:start + 32]])
        optimizer.zero_grad()
        pred = model(query, context, owner, adj)
        loss = criterion(pred, answer)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        total += loss.item()
        n_batches += 1
    model.eval()
    with torch.no_grad():
        acc = (model(*valid[:4]).argmax(-1) == valid[4]).float().mean().item()
    print(f"epoch {epoch}  loss {total / n_batches:.4f}  valid accuracy {acc:.3f}")
