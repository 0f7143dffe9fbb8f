import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
N_CLASS, DIM = 12, 30
style = torch.randn(N_CLASS, 8)


def sample(n):
    y = torch.randint(0, N_CLASS, (n,))
    return torch.cat([style[y] + 0.3 * torch.randn(n, 8), torch.randn(n, DIM - 8)], dim=1), y


def augment(x):
    return torch.cat([x[:, :8] + 0.2 * torch.randn(len(x), 8), torch.randn(len(x), DIM - 8)], dim=1)


class MoCo(nn.Module):
    def __init__(self, dim=16, size=512, momentum=0.99, temperature=0.2):
        super().__init__()
        self.size, self.m, self.T = size, momentum, temperature
        self.encoder_q = nn.Sequential(nn.Linear(DIM, 64), nn.ReLU(), nn.Linear(64, dim))
        self.encoder_k = copy.deepcopy(self.encoder_q)
        for p in self.encoder_k.parameters():
            p.requires_grad = False
        self.register_buffer("queue", F.normalize(torch.randn(dim, size), dim=0))
        self.register_buffer("ptr", torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def update_key_encoder(self):
        for q, k in zip(self.encoder_q.parameters(), self.encoder_k.parameters()):
            k.data = k.data * self.m + q.data * (1 - self.m)

    @torch.no_grad()
    def enqueue(self, keys):
        ptr = int(self.ptr)
        self.queue[:, ptr:ptr + len(keys)] = keys.t()
        self.ptr[0] = (ptr + len(keys)) % self.size

    def forward(self, im_q, im_k):
        q = F.normalize(self.encoder_q(im_q), dim=1)
        with torch.no_grad():
            self.update_key_encoder()
            k = F.normalize(self.encoder_k(im_k), dim=1)
        l_pos = (q * k).sum(dim=1, keepdim=True)
        l_neg = q @ self.queue.clone().detach()
        logits = torch.cat([l_pos, l_neg], dim=1) / self.T
        labels = torch.zeros(len(logits), dtype=torch.long)
        self.enqueue(k)
        return logits, labels


model = MoCo()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
x_bank, y_bank = sample(3000)
x_test, y_test = sample(800)


@torch.no_grad()
def knn():
    a, b = F.normalize(model.encoder_q(x_bank), dim=1), F.normalize(model.encoder_q(x_test), dim=1)
    return (y_bank[(b @ a.t()).topk(9, dim=1).indices].mode(dim=1).values == y_test).float().mean().item()


print(f"start knn {knn():.3f}")
for step in range(600):
    x = x_bank[torch.randint(0, 3000, (64,))]
    logits, labels = model(augment(x), augment(x))
    loss = F.cross_entropy(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print(f"step {step + 1} loss {loss.item():.3f} knn {knn():.3f}")
