import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(10)


class TimeMix(nn.Module):
    def __init__(self, n_embd, layer_id, n_layer):
        super().__init__()
        with torch.no_grad():
            ratio_0_to_1 = layer_id / max(n_layer - 1, 1)
            ratio_1_to_almost0 = 1.0 - layer_id / n_layer
            ddd = torch.arange(n_embd).float() / n_embd
            self.time_mix_k = nn.Parameter(torch.pow(ddd, ratio_1_to_almost0).view(1, 1, -1))
            self.time_mix_r = nn.Parameter(torch.pow(ddd, 0.5 * ratio_1_to_almost0).view(1, 1, -1))
            self.time_decay = nn.Parameter(-2.0 + 4.0 * ddd ** (0.7 + 1.3 * ratio_0_to_1))
        self.time_shift = nn.ZeroPad2d((0, 0, 1, -1))
        self.key, self.value = nn.Linear(n_embd, n_embd, bias=False), nn.Linear(n_embd, n_embd, bias=False)
        self.receptance, self.output = nn.Linear(n_embd, n_embd, bias=False), nn.Linear(n_embd, n_embd, bias=False)
        nn.init.zeros_(self.output.weight)

    def forward(self, x):
        xx = self.time_shift(x)
        xk = x * self.time_mix_k + xx * (1 - self.time_mix_k)
        xr = x * self.time_mix_r + xx * (1 - self.time_mix_r)
        k, v, r = self.key(xk), self.value(xk), torch.sigmoid(self.receptance(xr))
        decay = torch.exp(-torch.exp(self.time_decay))
        num, den, outs = torch.zeros_like(x[:, 0]), torch.zeros_like(x[:, 0]), []
        for t in range(x.size(1)):
            e = torch.exp(k[:, t].clamp(max=10))
            num, den = num * decay + e * v[:, t], den * decay + e
            outs.append(num / (den + 1e-6))
        return self.output(r * torch.stack(outs, 1))


class RWKV(nn.Module):
    def __init__(self, vocab=12, n_embd=24, n_layer=2):
        super().__init__()
        self.emb = nn.Embedding(vocab, n_embd)
        self.ln = nn.ModuleList([nn.LayerNorm(n_embd) for _ in range(n_layer)])
        self.blocks = nn.ModuleList([TimeMix(n_embd, i, n_layer) for i in range(n_layer)])
        self.ln_out, self.head = nn.LayerNorm(n_embd), nn.Linear(n_embd, vocab, bias=False)

    def forward(self, idx):
        x = self.emb(idx)
        for ln, b in zip(self.ln, self.blocks):
            x = x + b(ln(x))
        return self.head(self.ln_out(x))


def batch(n=16, t=12):
    ids = [torch.randint(0, 12, (n,)), torch.randint(0, 12, (n,))]
    for _ in range(t - 1):
        ids.append((ids[-2] + 1) % 12)
    return torch.stack(ids, 1)


model = RWKV()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, betas=(0.9, 0.99))
for it in range(121):
    ids = batch()
    loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 30 == 0:
        print("it %d loss %.4f" % (it, loss.item()))
