# expected: suspicious_shape
# A multi-label net squashes in forward, and the loss squashes again with a positive weight.
import torch
from torch import nn
from torch.nn import functional as F


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.SiLU(), nn.Conv2d(6, 2, 1))

    def forward(self, image):
        return torch.sigmoid(self.net(image))  # <- suspicious_shape


def main():
    torch.manual_seed(0)
    net = Detector()
    opt = torch.optim.AdamW(net.parameters())
    for _ in range(3):
        image, mask = torch.rand(2, 3, 6, 6), torch.rand(2, 2, 6, 6).round()
        prediction = net(image)
        weight = torch.full((2, 1, 1), 3.0)
        loss = F.binary_cross_entropy_with_logits(prediction, mask, pos_weight=weight)
        opt.zero_grad()
        loss.backward()
        opt.step()
    return net


model = main()
