import torch
import torch.nn as nn
import torch.nn.functional as F


class TopKRouter(nn.Module):
    def __init__(self, dim, n_exp, k):
        super().__init__()
        self.w, self.k, self.n = nn.Linear(dim, n_exp, bias=False), k, n_exp

    def forward(self, x):
        probs = self.w(x).softmax(-1)
        val, idx = probs.topk(self.k, dim=-1)
        load = F.one_hot(idx, self.n).sum(1).float().mean(0).detach()
        aux = self.n * (load * probs.mean(0)).sum() / self.k
        return val, idx, aux


class MoELayer(nn.Module):
    def __init__(self, dim=24, n_exp=8, k=1):
        super().__init__()
        self.router = TopKRouter(dim, n_exp, k)
        self.experts = nn.ModuleList([nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, dim)) for _ in range(n_exp)])

    def forward(self, x):
        val, idx, aux = self.router(x)
        out = torch.zeros_like(x)
        for e, expert in enumerate(self.experts):
            tok, slot = (idx == e).nonzero(as_tuple=True)
            if tok.numel() == 0:
                continue
            out = out.index_add(0, tok, val[tok, slot].unsqueeze(1) * expert(x[tok]))
        return x + out, aux


class Tagger(nn.Module):
    def __init__(self, vocab=12, dim=24, tags=5):
        super().__init__()
        self.emb, self.moe, self.head = nn.Embedding(vocab, dim, padding_idx=0), MoELayer(dim), nn.Linear(dim, tags)

    def forward(self, ids):
        mask = ids.flatten() != 0
        h, aux = self.moe(self.emb(ids).flatten(0, 1)[mask])
        return self.head(h), mask, aux


def main():
    torch.manual_seed(0)
    model, table = Tagger(), torch.randint(0, 5, (12,))
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(121):
        ids = torch.randint(1, 12, (6, 4))
        ids[torch.rand(6, 4) < 0.2] = 0
        logits, mask, aux = model(ids)
        loss = F.cross_entropy(logits, table[ids].flatten()[mask]) + 0.01 * aux
        opt.zero_grad(set_to_none=True)
        loss.backward()
        idle = sum(1 for e in model.moe.experts if e[0].weight.grad is None)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        if step % 30 == 0:
            print(f"step {step:3d} loss {loss.item():.4f} aux {aux.item():.3f} experts without tokens {idle}")


if __name__ == "__main__":
    main()
