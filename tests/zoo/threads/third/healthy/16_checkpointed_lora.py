# frozen base + adapters + activation checkpointing (reentrant, embeddings made to require grad by a hook)
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

torch.manual_seed(15)
V, D = 32, 24


class LoraLinear(nn.Linear):
    def __init__(self, i, o, r=4, alpha=8):
        super().__init__(i, o)
        self.lora_A = nn.Parameter(torch.randn(r, i) / r)
        self.lora_B = nn.Parameter(torch.zeros(o, r))
        self.scaling = alpha / r

    def forward(self, x):
        return super().forward(x) + (x @ self.lora_A.t() @ self.lora_B.t()) * self.scaling


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln = nn.LayerNorm(D)
        self.mix = LoraLinear(D, D)
        self.fc1, self.fc2 = LoraLinear(D, 48), LoraLinear(48, D)

    def forward(self, x):
        h = self.ln(x)
        t = h.cumsum(1) / torch.arange(1, h.size(1) + 1).view(1, -1, 1)
        x = x + self.mix(t)
        return x + self.fc2(F.gelu(self.fc1(x)))


class LM(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.embed = nn.Embedding(V, D)
        self.layers = nn.ModuleList(Layer() for _ in range(n))
        self.head = nn.Linear(D, V, bias=False)

    def enable_input_require_grads(self):
        def make_inputs_require_grads(module, inputs, output):
            output.requires_grad_(True)
        self._hook = self.embed.register_forward_hook(make_inputs_require_grads)

    def forward(self, ids):
        h = self.embed(ids)
        for layer in self.layers:
            h = checkpoint(layer, h, use_reentrant=True)
        return self.head(h)


model = LM()
for n, p in model.named_parameters():
    p.requires_grad = "lora_" in n
model.enable_input_require_grads()
trainable = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trainable, lr=1e-2, weight_decay=0.0)
for step in range(20):
    start = torch.randint(0, V, (8, 1))
    ids = (start + 3 * torch.arange(9)) % V
    logits = model(ids[:, :-1])
    loss = F.cross_entropy(logits.reshape(-1, V), ids[:, 1:].reshape(-1))
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    if step % 5 == 0:
        print(f"step {step} loss {loss.item():.4f} trainable {sum(p.numel() for p in trainable)}")
