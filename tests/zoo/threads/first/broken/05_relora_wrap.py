import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class ReLoRaLinear(nn.Module):
    def __init__(self, linear: nn.Linear, r: int = 4, alpha: int = 16):
        super().__init__()
        self.weight = nn.Parameter(linear.weight.data.clone(), requires_grad=False)
        self.bias = nn.Parameter(linear.bias.data.clone(), requires_grad=False)
        self.lora_A = nn.Linear(linear.in_features, r, bias=False)
        self.lora_B = nn.Linear(r, linear.out_features, bias=False)
        nn.init.kaiming_uniform_(self.lora_A.weight, a=math.sqrt(5))
        nn.init.zeros_(self.lora_B.weight)
        self.scaling = alpha / r

    def forward(self, x):
        return F.linear(x, self.weight, self.bias) + self.lora_B(self.lora_A(x)) * self.scaling


class ReLoRaModel(nn.Module):
    def __init__(self, model, targets, keep_original_weights=True):
        super().__init__()
        self.wrapped = model
        for p in model.parameters():
            p.requires_grad = False
        for name, module in list(model.named_modules()):
            if not isinstance(module, nn.Linear) or not any(t in name for t in targets):
                continue
            new = ReLoRaLinear(module)
            if keep_original_weights:
                nn.init.zeros_(new.lora_A.weight)
            parent = model.get_submodule(name.rsplit(".", 1)[0]) if "." in name else model
            setattr(parent, name.rsplit(".", 1)[-1], new)

    def forward(self, ids):
        return self.wrapped(ids)


class TinyLM(nn.Module):
    def __init__(self, vocab=50, d=32):
        super().__init__()
        self.embed = nn.Embedding(vocab, d)
        self.ffn = nn.Sequential(nn.Linear(d, 64), nn.GELU(), nn.Linear(64, d))
        self.lm_head = nn.Linear(d, vocab)

    def forward(self, ids):
        h = self.embed(ids)
        return self.lm_head(h + self.ffn(h))


torch.manual_seed(1)
model = ReLoRaModel(TinyLM(), targets=["ffn"])
trainable = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trainable, lr=1e-2, weight_decay=0.0)
ids = torch.randint(0, 50, (8, 17))
for step in range(5):
    logits = model(ids[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    print("step", step, "loss", round(loss.item(), 5))
