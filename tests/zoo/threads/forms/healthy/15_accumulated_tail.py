import contextlib
import torch
from torch import nn

torch.manual_seed(0)


class Accumulate:
    """Steps every `every` micro batches and at the last one; weights by the number of samples."""

    def __init__(self, optim, every, total):
        self.optim, self.every, self.total = optim, every, total
        self.samples, self.index = 0, 0

    @contextlib.contextmanager
    def micro_batch(self, n):
        self.samples += n
        self.index += 1
        yield
        if self.index % self.every == 0 or self.index == self.total:
            for group in self.optim.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        p.grad.div_(self.samples)
            self.optim.step()
            self.optim.zero_grad()
            self.samples = 0
        if self.index == self.total:
            self.index = 0


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.out(self.rnn(packed)[1][0]).squeeze(-1)


def rows(n):
    lengths = torch.randint(3, 11, (n,))
    x = torch.randn(n, 10, 2)
    mask = torch.arange(10) < lengths[:, None]
    y = (x.prod(-1) * mask).sum(1) / lengths.sqrt()
    return x * mask[..., None], lengths, y


x, lengths, y = rows(660)
model = Net()
optim = torch.optim.AdamW(model.parameters(), lr=1e-2)
parts = -(-660 // 50)
helper = Accumulate(optim, every=4, total=parts)
for epoch in range(20):
    total = 0.0
    for idx in torch.randperm(660).split(50):
        with helper.micro_batch(len(idx)):
            loss = nn.functional.mse_loss(model(x[idx], lengths[idx]), y[idx], reduction="sum")
            loss.backward()
        total += loss.item()
    if epoch % 4 == 3:
        print(epoch + 1, round(total / 660, 4))
