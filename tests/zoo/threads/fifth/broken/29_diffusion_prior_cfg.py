import math

import torch
import torch.nn as nn
import torch.nn.functional as F


def prob_mask_like(shape, prob):
    return torch.rand(shape) < prob


class PriorNetwork(nn.Module):
    def __init__(self, dim=16, text_dim=8, width=96):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(16, width), nn.SiLU())
        self.to_text = nn.Linear(text_dim, width)
        self.null_text_embed = nn.Parameter(torch.randn(text_dim))
        self.inp = nn.Linear(dim, width)
        self.mid = nn.ModuleList([nn.Linear(width, width) for _ in range(2)])
        self.out = nn.Linear(width, dim)

    def embed_time(self, t):
        freq = torch.exp(torch.linspace(0, 5, 8))
        a = t.unsqueeze(-1) * freq
        return self.time(torch.cat([a.sin(), a.cos()], -1))

    def forward_with_cond_scale(self, x, t, text_embed, cond_scale=1.0):
        logits = self.forward(x, t, text_embed)
        if cond_scale == 1:
            return logits
        null_logits = self.forward(x, t, text_embed, cond_drop_prob=1.0)
        return null_logits + (logits - null_logits) * cond_scale

    def forward(self, x, t, text_embed, cond_drop_prob=0.0):
        keep_mask = prob_mask_like((x.size(0), 1), 1 - cond_drop_prob)
        text = F.normalize(text_embed, dim=-1)
        null = self.null_text_embed.expand_as(text)
        mask = torch.where(keep_mask, torch.ones_like(text), torch.zeros_like(text))
        tokens = self.to_text(text) + self.embed_time(t)
        h = self.inp(x)
        for layer in self.mid:
            h = h + layer(F.silu(h + tokens))
        return self.out(F.silu(h))


class DiffusionPrior(nn.Module):
    def __init__(self, net, steps=30, cond_drop_prob=0.2):
        super().__init__()
        self.net, self.steps, self.cond_drop_prob = net, steps, cond_drop_prob

    def alpha_sigma(self, t):
        return torch.cos(t * math.pi / 2), torch.sin(t * math.pi / 2)

    def forward(self, text_embed, image_embed):
        t = torch.rand(image_embed.size(0)) * 0.98 + 0.01
        a, s = (v.unsqueeze(-1) for v in self.alpha_sigma(t))
        noisy = a * image_embed + s * torch.randn_like(image_embed)
        pred = self.net(noisy, t, text_embed, cond_drop_prob=self.cond_drop_prob)
        return F.mse_loss(pred, image_embed)

    @torch.no_grad()
    def sample(self, text_embed, dim, cond_scale):
        x = torch.randn(text_embed.size(0), dim)
        ts = torch.linspace(0.99, 0.01, self.steps)
        for t, nxt in zip(ts[:-1], ts[1:]):
            x0 = self.net.forward_with_cond_scale(x, t.expand(len(x)), text_embed, cond_scale)
            a, s = self.alpha_sigma(t)
            eps = (x - a * x0) / s
            a, s = self.alpha_sigma(nxt)
            x = a * x0 + s * eps
        return x


def make_pairs(n, w):
    text = torch.randn(n, 8)
    img = torch.tanh(F.normalize(text, dim=-1) @ w) + 0.5 * torch.randn(n, w.size(1))
    return text, img


def main():
    torch.manual_seed(0)
    w = torch.randn(8, 16) * 1.5
    prior = DiffusionPrior(PriorNetwork())
    start = prior.net.null_text_embed.detach().clone()
    opt = torch.optim.AdamW(prior.parameters(), lr=2e-3, weight_decay=0.0)
    for step in range(301):
        text, img = make_pairs(128, w)
        loss = prior(text, img)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 75 == 0:
            print(f"step {step:3d} loss {loss.item():.4f}")
    text, img = make_pairs(256, w)
    for scale in (1.0, 2.0, 4.0):
        sim = F.cosine_similarity(prior.sample(text, 16, scale), img).mean().item()
        print(f"cond_scale {scale} similarity {sim:.4f}")
    print(f"null embed moved {(prior.net.null_text_embed - start).abs().max().item():.4f}")


if __name__ == "__main__":
    main()
