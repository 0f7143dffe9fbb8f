import torch
import torch.nn as nn
import torch.nn.functional as F


class BinarizeSTE(torch.autograd.Function):
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
        alpha = self.weight.detach().abs().mean()
        return F.linear(x, BinarizeSTE.apply(self.weight) * alpha, self.bias)


class BinaryNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(20, 64)
        self.bn1, self.bn2 = nn.BatchNorm1d(64), nn.BatchNorm1d(64)
        self.bin = BinaryLinear(64, 64, bias=False)
        self.out = nn.Linear(64, 4)

    def forward(self, x):
        h = BinarizeSTE.apply(self.bn1(self.inp(x)))
        h = BinarizeSTE.apply(self.bn2(self.bin(h)))
        return self.out(h)

    @torch.no_grad()
    def clip_weights(self):
        self.bin.weight.clamp_(-1, 1)


def log_grad(name, store):
    def hook(grad):
        store[name] = grad.norm().item()
    return hook


torch.manual_seed(0)
net, norms = BinaryNet(), {}
net.bin.weight.register_hook(log_grad("bin", norms))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
x = torch.randn(128, 20)
y = x[:, :4].argmax(1)
for epoch in range(5):
    loss = F.multi_margin_loss(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    net.clip_weights()
    print(f"epoch {epoch} loss {loss.item():.4f} grad {norms['bin']:.4f}")
