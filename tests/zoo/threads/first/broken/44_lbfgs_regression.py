import torch
from torch import nn, optim

torch.manual_seed(0)
x = torch.rand(size=(100, 10))
w_true = torch.linspace(-1, 1, 10).unsqueeze(1)
y = x @ w_true + 0.3 + 0.01 * torch.randn(100, 1)


class LinearRegression(nn.Module):
    def __init__(self, p):
        super(LinearRegression, self).__init__()
        self.p = p
        self.lin = nn.Linear(p, 1)

    def forward(self, x):
        return self.lin(x)

    def penalty(self):
        return self.lin.weight.pow(2).sum()


model = LinearRegression(x.size(1))
optimizer = optim.LBFGS(model.parameters(), lr=0.5, max_iter=5)
criterion = nn.MSELoss()

for epoch in range(3):
    pred = model(x)

    def closure():
        optimizer.zero_grad()
        loss = criterion(pred, y.view(pred.shape)) + 1e-4 * model.penalty()
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    print("epoch", epoch, "loss", loss.item())
