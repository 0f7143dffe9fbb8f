import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

torch.manual_seed(12)


class LoraLinear(nn.Module):
    def __init__(self, dim, r=4, scale=1.0):
        super().__init__()
        self.linear = nn.Linear(dim, dim)
        self.lora_down = nn.Linear(dim, r, bias=False)
        self.lora_up = nn.Linear(r, dim, bias=False)
        self.scale = scale
        nn.init.normal_(self.lora_down.weight, std=1 / r)
        nn.init.zeros_(self.lora_up.weight)

    def forward(self, x):
        return self.linear(x) + self.lora_up(self.lora_down(x)) * self.scale


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.proj = LoraLinear(dim)

    def forward(self, x):
        return x + F.gelu(self.proj(self.norm(x)))


class TextEncoder(nn.Module):
    def __init__(self, vocab=50, dim=32, depth=3):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.blocks = nn.ModuleList([Block(dim) for _ in range(depth)])
        self.head = nn.Linear(dim, 5)
        self.gradient_checkpointing = False

    def forward(self, ids):
        x = self.emb(ids)
        for blk in self.blocks:
            if self.gradient_checkpointing:
                x = checkpoint(blk, x, use_reentrant=True)
            else:
                x = blk(x)
        return self.head(x.mean(dim=1))


model = TextEncoder()
for name, p in model.named_parameters():
    p.requires_grad = "lora_" in name or name.startswith("head")
model.gradient_checkpointing = True
model.train()

params = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(params, lr=1e-3)
ids = torch.randint(0, 50, (64, 12))
target = ids[:, 0] % 5

for step in range(5):
    loss = F.cross_entropy(model(ids), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step} loss {loss.item():.4f}")
