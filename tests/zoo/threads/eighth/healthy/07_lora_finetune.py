import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class LoRALinear(nn.Module):
    def __init__(self, base, rank=4, alpha=8):
        super().__init__()
        self.base = base
        for p in self.base.parameters():
            p.requires_grad = False
        self.lora_A = nn.Parameter(torch.empty(rank, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_A, a=5 ** 0.5)
        self.scaling = alpha / rank

    def forward(self, x):
        return self.base(x) + F.linear(F.linear(x, self.lora_A), self.lora_B) * self.scaling


def add_lora(module, rank):
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, LoRALinear(child, rank))
        else:
            add_lora(child, rank)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU())
        self.head = nn.Linear(64, 8)

    def forward(self, x):
        return self.head(self.body(x))


centers = torch.randn(8, 16) * 1.3


def sample(n, shifted):
    y = torch.randint(0, 8, (n,))
    x = centers[y] + torch.randn(n, 16)
    return x, (y * 3 + 1) % 8 if shifted else y


def accuracy(net, shifted):
    x, y = sample(1000, shifted)
    with torch.no_grad():
        return (net(x).argmax(1) == y).float().mean().item()


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for _ in range(300):
    x, y = sample(128, False)
    opt.zero_grad()
    F.cross_entropy(net(x), y).backward()
    opt.step()
print(f"pretrained: old task {accuracy(net, False):.3f} new task {accuracy(net, True):.3f}")

base_weights = {k: v.clone() for k, v in net.state_dict().items()}
add_lora(net, rank=4)
trainable = [p for p in net.parameters() if p.requires_grad]
print("trainable", sum(p.numel() for p in trainable), "of", sum(p.numel() for p in net.parameters()))
opt = torch.optim.AdamW(trainable, lr=5e-3, weight_decay=0.0)
for step in range(400):
    x, y = sample(128, True)
    loss = F.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 99:
        print(f"step {step + 1} loss {loss.item():.3f} new task {accuracy(net, True):.3f}")

same = all(torch.equal(base_weights[k.replace(".base", "")], v) for k, v in net.state_dict().items() if ".base" in k)
print("base weights untouched:", same)
