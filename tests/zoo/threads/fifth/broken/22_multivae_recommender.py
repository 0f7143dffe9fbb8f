import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


class MultiVAE(nn.Module):
    def __init__(self, n_items, hidden=64, latent=16, dropout=0.3):
        super().__init__()
        self.latent = latent
        self.q_net = nn.Sequential(nn.Linear(n_items, hidden), nn.Tanh(), nn.Linear(hidden, 2 * latent))
        self.p_net = nn.Sequential(nn.Linear(latent, hidden), nn.Tanh(), nn.Linear(hidden, n_items))
        self.drop = nn.Dropout(dropout)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_normal_(m.weight)
                nn.init.normal_(m.bias, std=0.001)

    def encode(self, x):
        h = self.q_net(self.drop(F.normalize(x, p=2, dim=1)))
        mu_q = h[:, :self.latent]
        logvar_q = h[:, :self.latent]
        return mu_q, logvar_q

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = mu
        if self.training:
            z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        kl = (-0.5 * (1 + logvar - mu.pow(2) - logvar.exp())).sum(1).mean()
        return self.p_net(z), kl, logvar


def multinomial_nll(logits, x):
    return -(F.log_softmax(logits, dim=1) * x).sum(1).mean()


def recall_at_k(scores, held_out, seen, k=10):
    scores = scores.masked_fill(seen > 0, -float("inf"))
    top = scores.topk(k, dim=1).indices
    hits = held_out.gather(1, top).sum(1)
    return (hits / held_out.sum(1).clamp(min=1, max=k)).mean().item()


def simulate_clicks(n_users, n_items, n_groups=8):
    g_item = torch.arange(n_items) % n_groups
    taste = F.one_hot(torch.randint(0, n_groups, (n_users,)), n_groups).float()
    taste = taste + 0.5 * F.one_hot(torch.randint(0, n_groups, (n_users,)), n_groups).float()
    pop = torch.rand(n_items) * 0.5 + 0.5
    p = (0.03 + 0.35 * taste[:, g_item]) * pop
    return (torch.rand(n_users, n_items) < p).float()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--users", type=int, default=600)
    p.add_argument("--items", type=int, default=120)
    p.add_argument("--epochs", type=int, default=40)
    p.add_argument("--batch_size", type=int, default=100)
    p.add_argument("--anneal_cap", type=float, default=0.5)
    p.add_argument("--anneal_steps", type=int, default=120)
    args = p.parse_args()
    torch.manual_seed(0)
    clicks = simulate_clicks(args.users + 200, args.items)
    train, test = clicks[:args.users], clicks[args.users:]
    hide = (torch.rand_like(test) < 0.3).float()
    test_in, test_out = test * (1 - hide), test * hide
    model = MultiVAE(args.items)
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    step = 0
    for epoch in range(args.epochs):
        model.train()
        for idx in torch.randperm(args.users).split(args.batch_size):
            x = train[idx]
            logits, kl, logvar = model(x)
            beta = min(args.anneal_cap, args.anneal_cap * step / args.anneal_steps)
            loss = multinomial_nll(logits, x) + beta * kl
            opt.zero_grad()
            loss.backward()
            opt.step()
            step += 1
        if epoch % 8 == 7:
            model.eval()
            with torch.no_grad():
                r = recall_at_k(model(test_in)[0], test_out, test_in)
            print(f"epoch {epoch:2d} loss {loss.item():.3f} kl {kl.item():.3f} mean var {logvar.exp().mean().item():.3f} recall@10 {r:.3f}")


if __name__ == "__main__":
    main()
