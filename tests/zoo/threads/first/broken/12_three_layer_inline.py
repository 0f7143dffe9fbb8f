import torch

torch.manual_seed(7)
N, D_in, H, D_out = 64, 20, 50, 2


class ThreeLayerNet(torch.nn.Module):
    def __init__(self, D_in, H, D_out):
        super(ThreeLayerNet, self).__init__()
        self.D_in = D_in
        self.H = H
        self.out = torch.nn.Linear(H, D_out)

    def forward(self, x):
        h_relu = torch.nn.Linear(self.D_in, self.H)(x).clamp(min=0)
        h_relu = torch.nn.Linear(self.H, self.H)(h_relu).clamp(min=0)
        y_pred = self.out(h_relu)
        return y_pred


x = torch.randn(N, D_in)
y = x[:, :2] * 2 - x[:, 2:4]

model = ThreeLayerNet(D_in, H, D_out)
criterion = torch.nn.MSELoss(reduction='mean')
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
for t in range(6):
    y_pred = model(x)
    loss = criterion(y_pred, y)
    print(t, loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
