import torch
import torch.nn as nn


class ScoreNet(nn.Module):
    def __init__(self, dim=10):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(dim, 64), nn.BatchNorm1d(64), nn.Softplus(), nn.Dropout(0.3),
            nn.Linear(64, 64), nn.BatchNorm1d(64), nn.Softplus(), nn.Dropout(0.3), nn.Linear(64, dim))

    def forward(self, x):
        return self.net(x)


def dsm_loss(model, x, sigma=0.2):
    noise = torch.randn_like(x) * sigma
    target = -noise / sigma ** 2
    score = model(x + noise)
    return 0.5 * ((score - target) ** 2).sum(-1).mean() * sigma ** 2


def log_validation(model, x_val):
    model.eval()
    with torch.no_grad():
        return dsm_loss(model, x_val).item()


class AnnealRunner:
    def __init__(self, data, lr=1e-3, log_every=2):
        self.train_x, self.val_x = data[:256], data[256:]
        self.model = ScoreNet()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)
        self.log_every = log_every

    def train(self, n_steps):
        self.model.train()
        for step in range(n_steps):
            x = self.train_x[torch.randint(0, 256, (64,))]
            loss = dsm_loss(self.model, x)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            if step % self.log_every == 0:
                val = log_validation(self.model, self.val_x)
                print(f"step {step} train {loss.item():.4f} val {val:.4f}")


torch.manual_seed(4)
runner = AnnealRunner(torch.randn(320, 10))
runner.train(6)
