from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class MoEConfig:
    vocab: int = 32
    dim: int = 32
    n_experts: int = 6
    top_k: int = 2
    aux_loss_coeff: float = 0.1
    steps: int = 200


class AuxLossAutoScaler(torch.autograd.Function):
    main_loss_scale = torch.tensor(1.0)

    @staticmethod
    def forward(ctx, output, aux_loss):
        ctx.save_for_backward(aux_loss)
        return output

    @staticmethod
    def backward(ctx, grad_output):
        (aux_loss,) = ctx.saved_tensors
        return grad_output, torch.ones_like(aux_loss) * AuxLossAutoScaler.main_loss_scale


class Gate(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.weight = nn.Parameter(torch.randn(cfg.n_experts, cfg.dim) * 0.05)
        self.load = None

    def compute_aux_loss(self, scores, indices):
        e = self.cfg.n_experts
        load = F.one_hot(indices, e).sum(1).float().mean(0) / self.cfg.top_k
        self.load = load
        return e * (load * scores.mean(0)).sum() * self.cfg.aux_loss_coeff

    def forward(self, x):
        scores = F.linear(x, self.weight).softmax(-1)
        weights, indices = scores.topk(self.cfg.top_k, dim=-1)
        weights = weights / weights.sum(-1, keepdim=True)
        if self.training and self.cfg.aux_loss_coeff > 0:
            aux_loss = self.compute_aux_loss(scores, indices)
            AuxLossAutoScaler.apply(weights, aux_loss)
        return weights, indices


class MoE(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.gate = Gate(cfg)
        self.experts = nn.ModuleList([
            nn.Sequential(nn.Linear(cfg.dim, 2 * cfg.dim), nn.SiLU(), nn.Linear(2 * cfg.dim, cfg.dim))
            for _ in range(cfg.n_experts)])

    def forward(self, x):
        shape = x.shape
        x = x.reshape(-1, shape[-1])
        weights, indices = self.gate(x)
        out = torch.zeros_like(x)
        for e, expert in enumerate(self.experts):
            tok, slot = (indices == e).nonzero(as_tuple=True)
            if tok.numel():
                out = out.index_add(0, tok, expert(x[tok]) * weights[tok, slot].unsqueeze(-1))
        return out.view(shape)


class TinyLM(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.emb = nn.Embedding(cfg.vocab, cfg.dim)
        self.moe = MoE(cfg)
        self.norm = nn.LayerNorm(cfg.dim)
        self.lm_head = nn.Linear(cfg.dim, cfg.vocab)

    def forward(self, ids):
        h = self.emb(ids) + 1.0
        return self.lm_head(self.norm(h + self.moe(h)))


def main():
    cfg = MoEConfig()
    torch.manual_seed(0)
    model = TinyLM(cfg)
    table = torch.randperm(cfg.vocab)
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(cfg.steps):
        ids = torch.randint(0, cfg.vocab, (16, 16))
        loss = F.cross_entropy(model(ids).flatten(0, 1), table[ids].flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 40 == 0 or step == cfg.steps - 1:
            load = " ".join(f"{v:.2f}" for v in model.moe.gate.load.tolist())
            print(f"step {step:3d} loss {loss.item():.4f} expert load [{load}]")


if __name__ == "__main__":
    main()
