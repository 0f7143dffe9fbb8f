# expected: wrong_value
# A custom Function whose backward forgets the factor 2.
# after: torchtest2, README, gallery 12
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
# options: --check-values
import torch
from torch import nn


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return x * grad


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.fc2(Square.apply(self.fc1(x)))  # <- wrong_value


torch.manual_seed(0)
x, y = torch.randn(6, 8), torch.randint(0, 3, (6,))
model, criterion = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
