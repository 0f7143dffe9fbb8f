import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class MiniModule(nn.Module):
    def log(self, **kw):
        self.history.append(kw)

    def fit(self, loader, epochs):
        self.history = []
        optim = self.configure_optimizers()
        for epoch in range(epochs):
            self.train()
            for i, batch in enumerate(loader()):
                loss = self.training_step(batch, i)
                optim.zero_grad()
                loss.backward()
                optim.step()
            self.eval()
            self.validation_epoch(epoch)


class ProtoNet(MiniModule):
    def __init__(self, way=5, shot=3, query=6):
        super().__init__()
        self.way, self.shot, self.query = way, shot, query
        self.encoder = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 16))
        self.log_scale = nn.Parameter(torch.zeros(()))

    @torch.no_grad()
    def embed(self, x):
        return F.normalize(self.encoder(x), dim=-1)

    def episode_logits(self, support, query):
        proto = self.embed(support).mean(dim=1)
        q = self.embed(query).flatten(0, 1)
        return -torch.cdist(q, proto) * self.log_scale.exp() * 4

    def training_step(self, batch, index):
        support, query = batch
        target = torch.arange(self.way).repeat_interleave(self.query)
        loss = F.cross_entropy(self.episode_logits(support, query), target)
        self.log(loss=loss.item())
        return loss

    @torch.no_grad()
    def validation_epoch(self, epoch):
        support, query = next(episodes())
        target = torch.arange(self.way).repeat_interleave(self.query)
        acc = (self.episode_logits(support, query).argmax(1) == target).float().mean()
        print(f"epoch {epoch} loss {self.history[-1]['loss']:.3f} acc {acc:.3f} scale {self.log_scale.item():.3f}")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=2e-3)


useful = torch.randn(20, 4)
basis = torch.linalg.qr(torch.randn(24, 24)).Q


def episodes(n=40, way=5, shot=3, query=6):
    for _ in range(n):
        cls = torch.randperm(20)[:way]
        clean = useful[cls][:, None].expand(-1, shot + query, -1)
        junk = torch.randn(way, shot + query, 20) * 2
        x = torch.cat([clean + 0.2 * torch.randn_like(clean), junk], dim=-1) @ basis
        yield x[:, :shot], x[:, shot:]


ProtoNet().fit(episodes, epochs=8)
