# Gradients of four micro-batches, divided and cleared once they are used.
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def main(window=4):
    torch.manual_seed(0)
    data = DataLoader(TensorDataset(torch.randn(64, 5), torch.randn(64, 1)), batch_size=4)
    net = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 1))
    opt = torch.optim.AdamW(net.parameters())
    for number, (x, y) in enumerate(data, 1):
        (nn.functional.mse_loss(net(x), y) / window).backward()
        if number % window == 0:
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
            opt.zero_grad()
    return net


model = main()
