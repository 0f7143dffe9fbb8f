# training with a ModelEMA copy that is only used for evaluation and checkpoints
import math
from copy import deepcopy
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(3)


class ModelEMA:
    def __init__(self, model, decay=0.99, tau=20):
        self.ema = deepcopy(model).eval()
        self.updates = 0
        self.decay = lambda x: decay * (1 - math.exp(-x / tau))
        for p in self.ema.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        self.updates += 1
        d = self.decay(self.updates)
        msd = model.state_dict()
        for k, v in self.ema.state_dict().items():
            if v.dtype.is_floating_point:
                v *= d
                v += (1 - d) * msd[k].detach()


class Det(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.SiLU())
        self.neck = nn.Sequential(nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.SiLU())
        self.obj, self.box = nn.Conv2d(16, 1, 1), nn.Conv2d(16, 4, 1)

    def forward(self, x):
        h = self.neck(self.stem(x))
        return self.obj(h), self.box(h)


def data(b=8):
    x = 0.1 * torch.rand(b, 1, 16, 16)
    obj = torch.zeros(b, 1, 4, 4)
    for i in range(b):
        r, c = torch.randint(0, 4, (2,)).tolist()
        x[i, 0, 4 * r:4 * r + 3, 4 * c:4 * c + 3] += 1
        obj[i, 0, r, c] = 1
    return x, obj


def criterion(out, obj):
    o, b = out
    lobj = F.binary_cross_entropy_with_logits(o, obj)
    lbox = ((torch.sigmoid(b) - 0.4).abs() * obj).sum() / obj.sum()
    return lobj + 0.5 * lbox


model = Det()
ema = ModelEMA(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
for i in range(40):
    model.train()
    x, obj = data()
    loss = criterion(model(x), obj)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ema.update(model)
    if i % 10 == 9:
        with torch.no_grad():
            x, obj = data(32)
            print(f"{i + 1} train {loss.item():.4f} ema val {criterion(ema.ema(x), obj).item():.4f}")
