import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

torch.manual_seed(17)


class LoraLinear(nn.Module):
    def __init__(self, base, r=4, alpha=8):
        super().__init__()
        self.base = base
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling = alpha / r

    def forward(self, x):
        return self.base(x) + F.linear(F.linear(x, self.lora_A), self.lora_B) * self.scaling


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.ln = nn.LayerNorm(d)
        self.q_proj, self.v_proj, self.o_proj = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)

    def forward(self, x):
        h = self.ln(x)
        q, v = self.q_proj(h), self.v_proj(h)
        return x + self.o_proj(F.scaled_dot_product_attention(q, h, v, is_causal=True))


class CausalLM(nn.Module):
    def __init__(self, vocab=20, d=32, n_layer=3):
        super().__init__()
        self.embed_tokens = nn.Embedding(vocab, d)
        self.layers = nn.ModuleList([Block(d) for _ in range(n_layer)])
        self.lm_head = nn.Linear(d, vocab)
        self.gradient_checkpointing = False

    def forward(self, ids):
        x = self.embed_tokens(ids)
        for layer in self.layers:
            if self.gradient_checkpointing and self.training:
                x = checkpoint(layer, x, use_reentrant=True)
            else:
                x = layer(x)
        return self.lm_head(x)


def nll(model, ids):
    return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


def get_peft_model(model):
    for p in model.parameters():
        p.requires_grad_(False)
    for layer in model.layers:
        layer.q_proj, layer.v_proj = LoraLinear(layer.q_proj), LoraLinear(layer.v_proj)
    model.lm_head = LoraLinear(model.lm_head)
    return model


start = torch.randint(0, 20, (64, 1))
corpus = (start + torch.arange(10) * 3) % 20
model = CausalLM()
opt = torch.optim.Adam(model.parameters(), 5e-3)
for _ in range(60):
    opt.zero_grad()
    nll(model, corpus).backward()
    opt.step()

model = get_peft_model(model)
model.gradient_checkpointing = True
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-3, weight_decay=0.0)
forget, retain = corpus[start[:, 0] < 5], corpus[start[:, 0] >= 5]
model.train()
for step in range(31):
    optimizer.zero_grad()
    f, r = nll(model, forget), nll(model, retain)
    loss = -f.clamp(max=4.0) + 2.0 * r
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print("step %d forget nll %.4f retain nll %.4f" % (step, f.item(), r.item()))
norms = {n: round(p.norm().item(), 4) for n, p in model.named_parameters() if "lora_B" in n}
print(norms)
