"""Two-tower retrieval with a memory of recent item vectors as additional negatives."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(30)
USERS, ITEMS, DIM, QUEUE, TEMP = 200, 200, 32, 256, 0.2


class Tower(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.emb = nn.Embedding(n, DIM)
        nn.init.normal_(self.emb.weight, std=0.1)
        self.mlp = nn.Sequential(nn.Linear(DIM, 64), nn.ReLU(), nn.Linear(64, DIM))

    def forward(self, ids):
        h = self.emb(ids)
        return F.normalize(h + self.mlp(h), dim=-1)


class Retriever(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.item = Tower(USERS), Tower(ITEMS)
        self.register_buffer("queue", torch.zeros(QUEUE, DIM))
        self.register_buffer("queue_ids", torch.full((QUEUE,), -1))
        self.ptr = 0

    @torch.no_grad()
    def remember(self, vectors, ids):
        place = (self.ptr + torch.arange(len(ids))) % QUEUE
        self.queue[place], self.queue_ids[place] = vectors, ids
        self.ptr = (self.ptr + len(ids)) % QUEUE

    def forward(self, users, items, use_memory):
        u, v = self.user(users), self.item(items)
        inside = u @ v.t()
        same = items.unsqueeze(1) == items.unsqueeze(0)
        same.fill_diagonal_(False)
        logits = inside.masked_fill(same, float("-inf"))
        if use_memory:
            past = u @ self.queue.clone().t()
            clash = items.unsqueeze(1) == self.queue_ids.unsqueeze(0)
            past = past.masked_fill(clash | (self.queue_ids < 0), float("-inf"))
            logits = torch.cat([logits, past], dim=1)
        loss = F.cross_entropy(logits / TEMP, torch.arange(len(users)))
        self.remember(v.detach(), items)
        return loss


def clicks(n):
    group_u, group_i = torch.arange(USERS) % 10, torch.arange(ITEMS) % 10
    users = torch.randint(0, USERS, (n,))
    offset = torch.randint(0, ITEMS // 10, (n,)) * 10
    items = offset + group_u[users]
    noise = torch.rand(n) < 0.1
    return users, torch.where(noise, torch.randint(0, ITEMS, (n,)), items), group_u, group_i


users, items, group_u, group_i = clicks(6000)
model = Retriever()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(8):
    total = 0.0
    for idx in torch.randperm(len(users)).split(128):
        loss = model(users[idx], items[idx], use_memory=epoch >= 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx) / len(users)
    with torch.no_grad():
        score = model.user(torch.arange(USERS)) @ model.item(torch.arange(ITEMS)).t()
        top = score.topk(10).indices
        hit = (group_i[top] == group_u.unsqueeze(1)).float().mean().item()
    print(f"epoch {epoch} loss {total:.4f} precision@10 {hit:.3f}")
