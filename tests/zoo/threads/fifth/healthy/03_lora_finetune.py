import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class LoRALinear(nn.Module):
    def __init__(self, base, r=4, alpha=8, dropout=0.0):
        super().__init__()
        self.base = base
        for p in self.base.parameters():
            p.requires_grad = False
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling, self.drop = alpha / r, nn.Dropout(dropout)

    def forward(self, x):
        return self.base(x) + self.drop(x) @ self.lora_A.t() @ self.lora_B.t() * self.scaling

    @torch.no_grad()
    def merged_weight(self):
        return self.base.weight + self.lora_B @ self.lora_A * self.scaling


class Net(nn.Module):
    def __init__(self, d=16, h=64, out=4):
        super().__init__()
        self.fc1, self.fc2, self.out = nn.Linear(d, h), nn.Linear(h, h), nn.Linear(h, out)

    def forward(self, x):
        return self.out(F.gelu(self.fc2(F.gelu(self.fc1(x)))))


def inject(model, targets, r):
    for p in model.parameters():
        p.requires_grad = False
    for name in targets:
        setattr(model, name, LoRALinear(getattr(model, name), r=r))
    return model


def fit(model, centers, steps, lr):
    params = [p for p in model.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(params, lr=lr)
    for step in range(steps):
        y = torch.randint(0, 4, (64,))
        x = centers[y] + torch.randn(64, 16)
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 40 == 0:
            print(f"  step {step:3d} loss {loss.item():.4f}")


def main():
    torch.manual_seed(0)
    model = Net()
    source, target = torch.randn(4, 16), torch.randn(4, 16)
    print("pretraining")
    fit(model, source, 120, 2e-3)
    inject(model, ["fc1", "fc2"], r=4)
    n_train = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(f"adapters: {n_train} of {sum(p.numel() for p in model.parameters())} parameters")
    fit(model, target, 160, 5e-3)
    x = torch.randn(5, 16)
    print("merge error", (F.linear(x, model.fc1.merged_weight(), model.fc1.base.bias) - model.fc1(x)).abs().max().item())


if __name__ == "__main__":
    main()
