import torch
import torch.nn as nn
import torch.nn.functional as F


class Cell(nn.Module):
    def __init__(self, d_in, d_h):
        super().__init__()
        self.W, self.U = nn.Linear(d_h, d_h, bias=False), nn.Linear(d_in, d_h)
        with torch.no_grad():
            self.W.weight.mul_(0.3)

    def forward(self, z, x):
        return torch.tanh(self.W(z) + self.U(x))


def iterate(f, z, tol=1e-5, max_iter=60):
    for k in range(max_iter):
        nxt = f(z)
        if (nxt - z).norm() < tol * (1 + z.norm()):
            return nxt, k
        z = nxt
    return z, max_iter


class DEQ(nn.Module):
    def __init__(self, d_in=8, d_h=24):
        super().__init__()
        self.cell, self.d_h, self.iters = Cell(d_in, d_h), d_h, 0

    def forward(self, x):
        with torch.no_grad():
            z, self.iters = iterate(lambda h: self.cell(h, x), torch.zeros(x.size(0), self.d_h))
        z = self.cell(z, x)
        if self.training:
            z0 = z.detach().requires_grad_(True)
            f0 = self.cell(z0, x)

            def solve_adjoint(grad):
                def vjp(y):
                    return torch.autograd.grad(f0, z0, y, retain_graph=True)[0] + grad
                out = grad
                for _ in range(40):
                    out = vjp(out)
                return out

            z.register_hook(solve_adjoint)
        return z


def main():
    torch.manual_seed(0)
    deq, head = DEQ(), nn.Linear(24, 1)
    params = [*deq.parameters(), *head.parameters()]
    opt = torch.optim.Adam(params, lr=3e-3)
    w = torch.randn(8, 1) * 0.3
    for step in range(120):
        x = torch.randn(64, 8)
        y = torch.sin(x @ w)
        loss = F.mse_loss(head(deq(x)), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 30 == 0:
            print(f"step {step:3d} loss {loss.item():.4f} fixed point iterations {deq.iters}")


if __name__ == "__main__":
    main()
