import torch
import torch.nn as nn

torch.manual_seed(13)


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 32), nn.Tanh())
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        return self.head(self.body(x))


X = torch.randn(256, 5)
Y = (X[:, :2].prod(1) + X[:, 2]).unsqueeze(1)
model = Regressor()
handles = [p.register_hook(lambda grad: grad * 10) for p in model.head.parameters()]
model.body[0].weight.register_hook(lambda grad: grad + 1e-4 * torch.randn_like(grad))
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for step in range(301):
    optimizer.zero_grad()
    loss = criterion(model(X), Y)
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        print("step %d loss %.4f head grad norm %.4f" % (step, loss.item(), model.head.weight.grad.norm().item()))
for h in handles:
    h.remove()
