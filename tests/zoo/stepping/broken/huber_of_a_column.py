# expected: suspicious_shape
# The network gives (batch, 1), the labels of the frame are (batch,).
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def main():
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(torch.randn(32, 3), torch.randn(32)), batch_size=8)
    net = nn.Sequential(nn.Linear(3, 8), nn.ELU(), nn.Linear(8, 1))
    opt = torch.optim.RMSprop(net.parameters())
    criterion = nn.SmoothL1Loss()
    for x, y in loader:
        opt.zero_grad()
        loss = criterion(net(x), y)  # <- suspicious_shape
        loss.backward()
        opt.step()
    return net


model = main()
