import torch
from torch import nn
from torch.autograd import grad


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.lin1 = nn.Linear(3, 64)
        self.lin2 = nn.Linear(64, 64)
        self.lin3 = nn.Linear(64, 1)

    def forward(self, p):
        x = torch.tanh(self.lin1(p))
        x = torch.tanh(self.lin2(x))
        return self.lin3(x)


torch.manual_seed(0)
x = torch.randn(200, 3)
y = (5 * torch.sin(x) + 3 * torch.cos(x)).sum(dim=-1).unsqueeze(-1)
z = 5 * torch.cos(x) - 3 * torch.sin(x)

model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
mse = nn.MSELoss()

for epoch in range(500):
    model.train()
    x.requires_grad = True
    optimizer.zero_grad()
    output = model(x)
    grad_x = grad(output.sum(), x, retain_graph=True)[0]
    loss_y = mse(output, y)
    loss_z = mse(grad_x, z)
    loss = loss_y + loss_z
    loss.backward()
    optimizer.step()
    if epoch % 100 == 0:
        print('Loss_y = {:.4f} | Loss_z = {:.4f}.'.format(loss_y.item(), loss_z.item()))
