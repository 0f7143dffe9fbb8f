# expected: overwritten
# Each epoch starts from the first weights again.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
pretrained = {name: value.clone() for name, value in model.state_dict().items()}


def epoch():
    model.load_state_dict(pretrained)  # <- overwritten
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(torch.randn(8, 3)), torch.randn(8, 1))
    loss.backward()
    optimizer.step()


for _ in range(4):
    epoch()
