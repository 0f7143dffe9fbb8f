import re
import torch
from torch import nn

torch.manual_seed(0)


class Layer(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = nn.MultiheadAttention(dim, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, h):
        n = self.norm1(h)
        h = h + self.attn(n, n, n, need_weights=False)[0]
        return h + self.mlp(self.norm2(h))


class PatchClassifier(nn.Module):
    def __init__(self, classes, dim=16, patch=4):
        super().__init__()
        self.embed = nn.Conv2d(1, dim, patch, stride=patch)
        self.layers = nn.Sequential(Layer(dim), Layer(dim))
        self.head = nn.Linear(dim, classes)

    def forward(self, img):
        tokens = self.embed(img).flatten(2).transpose(1, 2)
        return self.head(self.layers(tokens).mean(1))


RULES = {
    r"\.norm\d?\.": {"lr": 2e-3, "weight_decay": 0.0},
    r"\.attn\.": {"lr": 1e-3, "weight_decay": 0.05},
    r"\.mlp\.": {"lr": 2e-3, "weight_decay": 0.05},
}


def parameter_groups(model):
    groups = []
    for pattern, options in RULES.items():
        chosen = [p for name, p in model.named_parameters() if re.search(pattern, name)]
        groups.append({"params": chosen, **options})
    return groups


def textures(n, size=16):
    y = torch.randint(4, (n,))
    g = torch.arange(size).float()
    freq = torch.tensor([[0.5, 0.0], [0.0, 0.5], [0.9, 0.9], [1.6, 0.2]])[y]
    wave = torch.sin(freq[:, :1, None] * g[:, None] + freq[:, 1:, None] * g + 6.28 * torch.rand(n, 1, 1))
    return (wave + 0.5 * torch.randn(n, size, size)).unsqueeze(1), y


model = PatchClassifier(4)
optim = torch.optim.AdamW(parameter_groups(model))
start = {n: p.detach().clone() for n, p in model.named_parameters()}
for step in range(120):
    img, y = textures(32)
    loss = nn.functional.cross_entropy(model(img), y)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 30 == 0:
        print(step, round(loss.item(), 3))
print({n: round((p - start[n]).norm().item(), 3) for n, p in model.named_parameters() if "layers" not in n})
