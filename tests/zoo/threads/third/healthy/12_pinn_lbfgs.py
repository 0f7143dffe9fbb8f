# Burgers-like PINN: Adam warmup, then L-BFGS with closure; also identifies the viscosity
import torch
import torch.nn as nn

torch.manual_seed(11)


class PINN:
    def __init__(self):
        self.net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
        self.log_nu = nn.Parameter(torch.tensor(-2.0))
        self.x_f = (torch.rand(64, 1) * 2 - 1).requires_grad_()
        self.t_f = torch.rand(64, 1).requires_grad_()
        self.x_0 = torch.linspace(-1, 1, 24).view(-1, 1)
        self.u_0 = -torch.sin(torch.pi * self.x_0)
        self.x_d = torch.rand(32, 1) * 2 - 1
        self.t_d = torch.rand(32, 1)
        self.u_d = -torch.sin(torch.pi * self.x_d) * torch.exp(-0.05 * torch.pi ** 2 * self.t_d)
        params = list(self.net.parameters()) + [self.log_nu]
        self.adam = torch.optim.Adam(params, lr=5e-3)
        self.lbfgs = torch.optim.LBFGS(params, lr=1.0, max_iter=5, history_size=20, line_search_fn="strong_wolfe")
        self.iter = 0

    def u(self, x, t):
        return self.net(torch.cat([x, t], 1))

    def residual(self):
        u = self.u(self.x_f, self.t_f)
        one = torch.ones_like(u)
        u_t = torch.autograd.grad(u, self.t_f, one, create_graph=True)[0]
        u_x = torch.autograd.grad(u, self.x_f, one, create_graph=True)[0]
        u_xx = torch.autograd.grad(u_x, self.x_f, one, create_graph=True)[0]
        return u_t + 0.1 * u * u_x - self.log_nu.exp() * u_xx

    def loss(self):
        f = self.residual().pow(2).mean()
        ic = (self.u(self.x_0, torch.zeros_like(self.x_0)) - self.u_0).pow(2).mean()
        d = (self.u(self.x_d, self.t_d) - self.u_d).pow(2).mean()
        return 0.1 * f + ic + d

    def closure(self):
        self.lbfgs.zero_grad()
        l = self.loss()
        l.backward()
        self.iter += 1
        return l

    def train(self):
        for i in range(40):
            self.adam.zero_grad()
            l = self.loss()
            l.backward()
            self.adam.step()
        print(f"adam loss {l.item():.5f}")
        for k in range(5):
            l = self.lbfgs.step(self.closure)
        print(f"lbfgs evals {self.iter} loss {l.item():.5f} nu {self.log_nu.exp().item():.4f}")


PINN().train()
