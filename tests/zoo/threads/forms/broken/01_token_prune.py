import dataclasses
import torch
from torch import nn


@dataclasses.dataclass
class Config:
    tokens: int = 12
    keep: int = 3
    dim: int = 16
    classes: int = 4
    lr: float = 3e-3
    steps: int = 160
    batch: int = 64


class TokenSelector(nn.Module):
    """Scores every token and passes only the most useful ones on."""

    def __init__(self, dim, keep):
        super().__init__()
        self.scorer = nn.Sequential(nn.Linear(dim, 32), nn.GELU(), nn.Linear(32, 1))
        self.keep = keep

    def forward(self, tokens):
        score = self.scorer(tokens).squeeze(-1)
        top = score.topk(self.keep, dim=1)
        index = top.indices.unsqueeze(-1).expand(-1, -1, tokens.size(-1))
        return tokens.gather(1, index)


class PrunedClassifier(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.select = TokenSelector(cfg.dim, cfg.keep)
        self.body = nn.Sequential(nn.Linear(cfg.dim, 64), nn.ReLU(), nn.Linear(64, 64))
        self.head = nn.Linear(64, cfg.classes)

    def forward(self, tokens):
        kept = self.select(tokens)
        return self.head(self.body(kept).mean(dim=1))


class Trainer:
    def __init__(self, cfg):
        self.cfg = cfg
        self.model = PrunedClassifier(cfg)
        self.optim = torch.optim.AdamW(self.model.parameters(), lr=cfg.lr)
        self.patterns = torch.randn(cfg.classes, cfg.dim) * 1.5

    def batch(self):
        cfg = self.cfg
        y = torch.randint(cfg.classes, (cfg.batch,))
        x = torch.randn(cfg.batch, cfg.tokens, cfg.dim)
        where = torch.randint(cfg.tokens, (cfg.batch,))
        x[torch.arange(cfg.batch), where] += self.patterns[y]
        return x, y

    def train_step(self):
        x, y = self.batch()
        loss = nn.functional.cross_entropy(self.model(x), y)
        self.optim.zero_grad()
        loss.backward()
        self.optim.step()
        return loss.item()

    @torch.no_grad()
    def validate(self):
        hits = [(self.model(x).argmax(1) == y).float().mean() for x, y in (self.batch() for _ in range(10))]
        return torch.stack(hits).mean().item()


torch.manual_seed(0)
trainer = Trainer(Config())
for step in range(trainer.cfg.steps):
    loss = trainer.train_step()
    if step % 40 == 0:
        print(f"step {step} loss {loss:.3f}")
print("accuracy", round(trainer.validate(), 3))
