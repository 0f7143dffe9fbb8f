"""Learn binary codes for documents: sign in the forward pass, clipped identity in the backward pass."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(25)
WORDS, BITS, TOPICS = 200, 16, 10


class SignSTE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx, grad_out):
        (x,) = ctx.saved_tensors
        return grad_out * (x.abs() <= 1).to(grad_out.dtype)


class HashNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(WORDS, 64), nn.ReLU(), nn.Linear(64, BITS))
        self.decoder = nn.Linear(BITS, WORDS)

    def code(self, counts):
        return SignSTE.apply(0.5 * self.encoder(torch.log1p(counts)))

    def forward(self, counts):
        return self.decoder(self.code(counts)).log_softmax(-1)


def documents(n, topics):
    y = torch.randint(0, TOPICS, (n,))
    words = torch.multinomial(topics[y], 40, replacement=True)
    return torch.zeros(n, WORDS).scatter_add_(1, words, torch.ones(n, 40)), y


@torch.no_grad()
def retrieval_precision(model, counts, y, k=10):
    codes = model.code(counts)
    sim = codes @ codes.t()
    sim.fill_diagonal_(-BITS - 1.0)
    near = sim.topk(k, dim=-1).indices
    return (y[near] == y.unsqueeze(1)).float().mean().item()


topics = torch.distributions.Dirichlet(torch.full((WORDS,), 0.1)).sample((TOPICS,))
counts, y = documents(1500, topics)
test_counts, test_y = documents(400, topics)
model = HashNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
print(f"before training: precision@10 {retrieval_precision(model, test_counts, test_y):.3f}")

for epoch in range(15):
    total = 0.0
    for idx in torch.randperm(len(y)).split(100):
        logp = model(counts[idx])
        loss = -(counts[idx] * logp).sum(-1).mean() / 40
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx) / len(y)
    if epoch % 3 == 2:
        p = retrieval_precision(model, test_counts, test_y)
        print(f"epoch {epoch:2d} nll per word {total:.4f} precision@10 {p:.3f}")
