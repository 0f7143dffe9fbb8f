import torch
import torch.nn as nn
import torch.nn.functional as F


class SoftClip(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, bound, leak):
        inside = x.abs() <= bound
        ctx.save_for_backward(x, bound, inside)
        ctx.leak = leak
        clipped = torch.sign(x) * bound
        return torch.where(inside, x, clipped + leak * (x - clipped))

    @staticmethod
    def backward(ctx, grad):
        x, bound, inside = ctx.saved_tensors
        gx = torch.where(inside, grad, ctx.leak * grad)
        gb = torch.where(inside, torch.zeros_like(grad), (1 - ctx.leak) * torch.sign(x) * grad)
        return gx, gb.sum().reshape(bound.shape), None


class BinarySTE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w):
        ctx.save_for_backward(w)
        return torch.where(w >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx, grad):
        (w,) = ctx.saved_tensors
        return grad * (w.abs() <= 1)


class BinaryLinear(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(b, a).uniform_(-0.5, 0.5))
        self.scale = nn.Parameter(torch.full((b, 1), 0.3))

    def forward(self, x):
        return F.linear(x, BinarySTE.apply(self.weight) * self.scale)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2, self.out = BinaryLinear(10, 48), BinaryLinear(48, 48), nn.Linear(48, 3)
        self.bound = nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        h = SoftClip.apply(self.l1(x), self.bound, 0.1)
        return self.out(SoftClip.apply(self.l2(h), self.bound, 0.1))


def main():
    torch.manual_seed(0)
    a = torch.randn(6, dtype=torch.double, requires_grad=True)
    b = torch.tensor(0.7, dtype=torch.double, requires_grad=True)
    print("gradcheck", torch.autograd.gradcheck(lambda u, v: SoftClip.apply(u, v, 0.1), (a, b)))
    centers = torch.randn(3, 10)
    net = Net()
    opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    for step in range(150):
        y = torch.randint(0, 3, (64,))
        loss = F.cross_entropy(net(centers[y] + 0.7 * torch.randn(64, 10)), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        with torch.no_grad():
            for m in (net.l1, net.l2):
                m.weight.clamp_(-1, 1)
        if step % 30 == 0:
            print(f"step {step:3d} loss {loss.item():.4f} bound {net.bound.item():.3f}")


if __name__ == "__main__":
    main()
