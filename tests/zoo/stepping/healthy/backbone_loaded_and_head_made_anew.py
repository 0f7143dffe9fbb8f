# The backbone is loaded, only the head is initialised after it.
import torch
from torch import nn


class Network(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8))
        self.head = nn.Linear(8, classes)

    def forward(self, x):
        return self.head(torch.relu(self.backbone(x)))


def main():
    torch.manual_seed(0)
    old, net = Network(10), Network(3)
    state = {name: value for name, value in old.state_dict().items() if not name.startswith("head")}
    net.load_state_dict(state, strict=False)
    nn.init.trunc_normal_(net.head.weight, std=0.02)
    nn.init.zeros_(net.head.bias)
    opt = torch.optim.AdamW(net.parameters())
    for _ in range(3):
        opt.zero_grad()
        nn.functional.cross_entropy(net(torch.randn(6, 4)), torch.randint(3, (6,))).backward()
        opt.step()
    return net


model = main()
