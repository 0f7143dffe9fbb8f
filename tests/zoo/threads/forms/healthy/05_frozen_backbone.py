import torch
from torch import nn

torch.manual_seed(0)


class Tagger(nn.Module):
    def __init__(self, vocab=20, dim=24):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.encoder = nn.TransformerEncoderLayer(dim, 4, 48, dropout=0.1, batch_first=True)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, 3)

    def forward(self, ids):
        return self.head(self.norm(self.encoder(self.embed(ids))))

    def train(self, mode=True):
        super().train(mode)
        if not any(p.requires_grad for p in self.encoder.parameters()):
            self.encoder.eval()
        return self


def freeze(model, prefixes):
    for name, p in model.named_parameters():
        p.requires_grad_(not name.startswith(prefixes))


def groups(model):
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    plain = [p for n, p in named if n.endswith("bias") or "norm" in n]
    decay = [p for n, p in named if not (n.endswith("bias") or "norm" in n)]
    return [{"params": plain, "weight_decay": 0.0}, {"params": decay, "weight_decay": 0.01}]


def optimizer(model, lr):
    return torch.optim.AdamW(groups(model), lr=lr)


def ids_and_tags(n):
    ids = torch.randint(20, (n, 8))
    return ids, ids % 3


def stage(model, optim, steps, label):
    model.train()
    for step in range(steps):
        ids, tags = ids_and_tags(32)
        loss = nn.functional.cross_entropy(model(ids).transpose(1, 2), tags)
        optim.zero_grad()
        loss.backward()
        optim.step()
    print(label, round(loss.item(), 3), "trainable", sum(p.numel() for p in model.parameters() if p.requires_grad))


model = Tagger()
freeze(model, ("encoder.",))
stage(model, optimizer(model, 5e-3), 120, "frozen encoder")
freeze(model, ("nothing",))
stage(model, optimizer(model, 2e-3), 60, "all open")
model.eval()
with torch.no_grad():
    ids, tags = ids_and_tags(300)
    print("accuracy", (model(ids).argmax(-1) == tags).float().mean().item())
