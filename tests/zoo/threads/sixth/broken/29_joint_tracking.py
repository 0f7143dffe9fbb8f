"""Joint box regression and identity embedding with learned balancing of the two losses."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(13)
FEATURES, IDS, EMB = 24, 30, 32


class JointNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.box = nn.Linear(64, 4)
        self.reid = nn.Linear(64, EMB)

    def forward(self, x):
        h = self.trunk(x)
        return {"box": self.box(h), "id": self.reid(h)}


class JointLoss(nn.Module):
    def __init__(self, emb_dim, n_ids):
        super().__init__()
        self.emb_scale = 8.0
        self.register_buffer("anchors", F.normalize(torch.randn(n_ids, emb_dim), dim=-1))
        self.s_det = nn.Parameter(-1.85 * torch.ones(1))
        self.s_id = nn.Parameter(-1.05 * torch.ones(1))

    def forward(self, outputs, batch):
        det_loss = F.smooth_l1_loss(outputs["box"], batch["box"])
        emb = self.emb_scale * F.normalize(outputs["id"], dim=-1)
        id_loss = F.cross_entropy(emb @ self.anchors.t(), batch["id"])
        loss = torch.exp(-self.s_det) * det_loss + torch.exp(-self.s_id) * id_loss
        loss = 0.5 * (loss + self.s_det + self.s_id)
        return loss.squeeze(), {"det": det_loss.item(), "id": id_loss.item()}


class ModelWithLoss(nn.Module):
    def __init__(self, model, loss):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, batch):
        outputs = self.model(batch["input"])
        return self.loss(outputs, batch)


class JointTrainer:
    def __init__(self, model, optimizer):
        self.optimizer = optimizer
        self.loss = JointLoss(EMB, IDS)
        self.model_with_loss = ModelWithLoss(model, self.loss)

    def run_epoch(self, data, batch_size=64):
        self.model_with_loss.train()
        n = len(data["id"])
        sums = {"loss": 0.0, "det": 0.0, "id": 0.0}
        for idx in torch.randperm(n).split(batch_size):
            batch = {k: v[idx] for k, v in data.items()}
            loss, stats = self.model_with_loss(batch)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            for key, value in {"loss": loss.item(), **stats}.items():
                sums[key] += value * len(idx) / n
        return sums


def frames(n):
    proto = torch.randn(IDS, FEATURES)
    ident = torch.randint(0, IDS, (n,))
    x = proto[ident] + 0.4 * torch.randn(n, FEATURES)
    box = torch.tanh(x @ torch.randn(FEATURES, 4) / FEATURES ** 0.5)
    return {"input": x, "id": ident, "box": box}


data = frames(1500)
model = JointNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
trainer = JointTrainer(model, optimizer)
for epoch in range(15):
    s = trainer.run_epoch(data)
    w_det, w_id = torch.exp(-trainer.loss.s_det).item(), torch.exp(-trainer.loss.s_id).item()
    print(f"epoch {epoch:2d} loss {s['loss']:.4f} det {s['det']:.4f} id {s['id']:.4f} "
          f"weights {w_det:.3f}/{w_id:.3f}")
