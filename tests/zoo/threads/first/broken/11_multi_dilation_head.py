import torch
import torch.nn as nn
import torch.nn.functional as F


class ClassifierModule(nn.Module):
    def __init__(self, inplanes, dilations, num_classes):
        super().__init__()
        self.conv2d_list = nn.ModuleList([
            nn.Conv2d(inplanes, num_classes, kernel_size=3, stride=1, padding=d, dilation=d, bias=True)
            for d in dilations
        ])
        for m in self.conv2d_list:
            m.weight.data.normal_(0, 0.01)

    def forward(self, x):
        out = self.conv2d_list[0](x)
        for i in range(len(self.conv2d_list) - 1):
            out = out + self.conv2d_list[i + 1](x)
            return out


class Deeplab(nn.Module):
    def __init__(self, num_classes=5):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.block = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU())
        self.head = ClassifierModule(32, [1, 2, 4, 6], num_classes)

    def forward(self, x):
        y = self.head(self.block(self.stem(x)))
        return F.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)

    def optim_parameters(self, lr):
        return [
            {"params": list(self.stem.parameters()) + list(self.block.parameters()), "lr": lr},
            {"params": self.head.parameters(), "lr": 10 * lr},
        ]


torch.manual_seed(0)
net = Deeplab()
opt = torch.optim.SGD(net.optim_parameters(0.002), momentum=0.9)
img = torch.rand(2, 3, 24, 24)
seg = torch.randint(0, 5, (2, 24, 24))
seg[:, :2] = 255
for i in range(4):
    opt.zero_grad()
    loss = F.cross_entropy(net(img), seg, ignore_index=255)
    loss.backward()
    opt.step()
    print("iter", i, "ce", loss.item())
