import contextlib
import torch
from torch import nn

torch.manual_seed(0)


class Accumulator:
    def __init__(self, optimizer, every):
        self.optimizer, self.every = optimizer, every

    @contextlib.contextmanager
    def micro_batch(self, index):
        yield 1.0 / self.every
        if (index + 1) % self.every == 0:
            self.optimizer.step()
            self.optimizer.zero_grad()


def make_loader(n, batch):
    x = torch.rand(n, 1, 8, 8)
    y = x[:, 0, :4].mean((1, 2)) - x[:, 0, 4:].mean((1, 2))
    data = torch.utils.data.TensorDataset(x, y * 10)
    return torch.utils.data.DataLoader(data, batch_size=batch, shuffle=True, drop_last=True)


model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
    nn.Linear(8 * 16, 1), nn.Flatten(0),
)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
accumulate = Accumulator(optimizer, every=8)
loader = make_loader(400, 64)

for epoch in range(30):
    total = 0.0
    for index, (x, y) in enumerate(loader):
        with accumulate.micro_batch(index) as weight:
            loss = nn.functional.mse_loss(model(x), y)
            (loss * weight).backward()
        total += loss.item()
    if epoch % 6 == 0:
        print(f"epoch {epoch} loss {total / len(loader):.4f}")
