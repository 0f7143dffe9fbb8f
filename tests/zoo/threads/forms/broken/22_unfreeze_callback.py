import torch
from torch import nn

torch.manual_seed(0)


class StagedUnfreezing:
    """Trains the head first, then opens the stages from the top down."""

    def __init__(self, stages, every):
        self.stages = list(stages)
        self.every = every
        for stage in self.stages:
            for param in stage.parameters():
                param.requires_grad = False

    def on_epoch_start(self, epoch, optimizer):
        if epoch and epoch % self.every == 0 and self.stages:
            stage = self.stages.pop()
            opened = list(stage.parameters())
            for param in opened:
                param.require_grad = True
            optimizer.add_param_group({"params": opened, "lr": 1e-3})
            print(f"epoch {epoch}: opened {type(stage).__name__} with {len(opened)} tensors")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2))
        self.stage1 = nn.Sequential(nn.Conv1d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2))
        self.stage2 = nn.Sequential(nn.Conv1d(16, 16, 5, padding=2), nn.ReLU(), nn.AdaptiveMaxPool1d(1))
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.stage2(self.stage1(self.stem(x))).flatten(1))


motifs = torch.randn(4, 9)


def signals(n):
    y = torch.randint(4, (n,))
    x = 0.7 * torch.randn(n, 1, 48)
    start = torch.randint(0, 39, (n, 1)) + torch.arange(9)
    x[:, 0] = x[:, 0].scatter_add(1, start, motifs[y])
    return x, y


net = Net()
callback = StagedUnfreezing([net.stem, net.stage1, net.stage2], every=2)
optim = torch.optim.Adam(net.head.parameters(), lr=5e-3)
for epoch in range(9):
    callback.on_epoch_start(epoch, optim)
    total = 0.0
    for _ in range(25):
        x, y = signals(64)
        loss = nn.functional.cross_entropy(net(x), y)
        optim.zero_grad()
        loss.backward()
        optim.step()
        total += loss.item() / 25
    print(f"epoch {epoch} loss {total:.3f}")
