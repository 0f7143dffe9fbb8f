import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class Binarize(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx, grad_output):
        x, = ctx.saved_tensors
        return grad_output * (x.abs() <= 1).float()


class BinaryLinear(nn.Linear):
    def forward(self, x):
        scale = self.weight.abs().mean(dim=1, keepdim=True).detach()
        return F.linear(x, Binarize.apply(self.weight) * scale)


class BNN(nn.Module):
    def __init__(self, n_in=32, width=256, n_out=10):
        super().__init__()
        self.fc1 = nn.Linear(n_in, width)
        self.bn1 = nn.BatchNorm1d(width)
        self.fc2 = BinaryLinear(width, width, bias=False)
        self.bn2 = nn.BatchNorm1d(width)
        self.fc3 = BinaryLinear(width, width, bias=False)
        self.bn3 = nn.BatchNorm1d(width)
        self.out = nn.Linear(width, n_out)

    def forward(self, x):
        x = Binarize.apply(F.hardtanh(self.bn1(self.fc1(x))))
        x = Binarize.apply(F.hardtanh(self.bn2(self.fc2(x))))
        x = F.hardtanh(self.bn3(self.fc3(x)))
        return self.out(x)


centers = torch.randn(20, 32)


def sample(n):
    k = torch.randint(0, 20, (n,))
    return centers[k] + 0.7 * torch.randn(n, 32), k % 10


model = BNN()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
x_test, y_test = sample(1500)

for step in range(500):
    x, y = sample(100)
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    for m in model.modules():
        if isinstance(m, BinaryLinear):
            m.weight.data.clamp_(-1, 1)
    if step % 100 == 99:
        model.eval()
        with torch.no_grad():
            acc = (model(x_test).argmax(1) == y_test).float().mean().item()
        model.train()
        print(f"step {step + 1} loss {loss.item():.4f} test acc {acc:.4f}")

with torch.no_grad():
    print("values used by fc2:", Binarize.apply(model.fc2.weight).unique().tolist())
