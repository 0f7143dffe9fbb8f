import torch
import torch.nn as nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, x, t):
        return self.layers(torch.cat([x, t], dim=1))


def f(x, t, net):
    u = net(x, t)
    u_x = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
    u_t = torch.autograd.grad(u.sum(), t, create_graph=True)[0]
    return u_x - 2 * u_t - u


net = Net()
mse = nn.MSELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
x_bc = torch.rand(100, 1) * 2
t_bc = torch.zeros(100, 1)
u_bc = 6 * torch.exp(-3 * x_bc)

for epoch in range(300):
    optimizer.zero_grad()
    mse_u = mse(net(x_bc, t_bc), u_bc)
    x = (torch.rand(200, 1) * 2).requires_grad_(True)
    t = torch.rand(200, 1).requires_grad_(True)
    res = f(x, t, net)
    mse_f = mse(res, torch.zeros_like(res))
    loss = mse_u + mse_f
    loss.backward()
    optimizer.step()
    if epoch % 50 == 0:
        print(epoch, "loss %.5f bc %.5f pde %.5f" % (loss.item(), mse_u.item(), mse_f.item()))
