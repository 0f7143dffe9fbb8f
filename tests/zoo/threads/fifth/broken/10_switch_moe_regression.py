import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


class SparseDispatcher:
    def __init__(self, num_experts, gates):
        self.gates, self.num_experts = gates, num_experts
        self.index = [torch.nonzero(gates[:, e] > 0).squeeze(-1) for e in range(num_experts)]

    def dispatch(self, x):
        return [x[i] for i in self.index]

    def combine(self, outs, n, d):
        y = torch.zeros(n, d)
        for e, (i, o) in enumerate(zip(self.index, outs)):
            if len(i):
                y = y.index_add(0, i, o * self.gates[i, e].unsqueeze(-1))
        return y


class Expert(nn.Module):
    def __init__(self, d_in, d_out, hidden):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d_in, hidden), nn.Linear(hidden, d_out)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


class MoE(nn.Module):
    def __init__(self, d_in, d_out, num_experts, hidden, k, noisy_gating=True):
        super().__init__()
        self.num_experts, self.k, self.noisy_gating, self.d_out = num_experts, k, noisy_gating, d_out
        self.experts = nn.ModuleList([Expert(d_in, d_out, hidden) for _ in range(num_experts)])
        self.w_gate = nn.Parameter(torch.randn(d_in, num_experts) * 0.1)
        self.softmax = nn.Softmax(1)

    def top_k_gating(self, x, train, noise_std=0.05):
        logits = x @ self.w_gate
        if self.noisy_gating and train:
            logits = logits + torch.randn_like(logits) * noise_std
        top_k_logits, top_k_indices = logits.topk(self.k, dim=1)
        top_k_gates = self.softmax(top_k_logits)
        return torch.zeros_like(logits).scatter(1, top_k_indices, top_k_gates)

    def forward(self, x):
        gates = self.top_k_gating(x, self.training)
        disp = SparseDispatcher(self.num_experts, gates)
        outs = [expert(part) for expert, part in zip(self.experts, disp.dispatch(x))]
        return disp.combine(outs, x.size(0), self.d_out), gates


def piecewise(x):
    region = (x[:, 0] > 0).long() * 2 + (x[:, 1] > 0).long()
    coef = torch.tensor([[3.0, -1.0], [-2.0, 2.0], [1.0, 4.0], [-4.0, -2.0]])
    return (coef[region] * x[:, :2]).sum(1, keepdim=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--experts", type=int, default=4)
    p.add_argument("--topk", type=int, default=1)
    p.add_argument("--hidden", type=int, default=4)
    p.add_argument("--steps", type=int, default=600)
    args = p.parse_args()
    torch.manual_seed(0)
    model = MoE(8, 1, args.experts, args.hidden, args.topk)
    gate0 = model.w_gate.detach().clone()
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(args.steps):
        x = torch.randn(128, 8)
        pred, gates = model(x)
        loss = F.mse_loss(pred, piecewise(x))
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 100 == 0:
            usage = (gates > 0).float().mean(0)
            print(f"step {step:4d} mse {loss.item():.4f} usage {[round(u, 2) for u in usage.tolist()]}")
    print(f"final mse {loss.item():.4f} gate shift {(model.w_gate - gate0).abs().max().item():.6f}")


if __name__ == "__main__":
    main()
