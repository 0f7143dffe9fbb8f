import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(12)


def _threshold(x, threshold=None):
    if threshold is not None:
        return torch.tensor((x > threshold).type(x.dtype), requires_grad=True)
    else:
        return x


def f_score(pr, gt, beta=1, eps=1e-7, threshold=None):
    pr = _threshold(pr, threshold=threshold)
    tp = torch.sum(gt * pr)
    fp = torch.sum(pr) - tp
    fn = torch.sum(gt) - tp
    return ((1 + beta ** 2) * tp + eps) / ((1 + beta ** 2) * tp + beta ** 2 * fn + fp + eps)


class DiceLoss(nn.Module):
    def __init__(self, eps=1.0, beta=1.0, threshold=None):
        super().__init__()
        self.eps, self.beta, self.threshold = eps, beta, threshold

    def forward(self, y_pr, y_gt):
        return 1 - f_score(torch.sigmoid(y_pr), y_gt, beta=self.beta, eps=self.eps, threshold=self.threshold)


class Unet(nn.Module):
    def __init__(self, ch=8):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, ch, 3, padding=1), nn.BatchNorm2d(ch), nn.ReLU())
        self.mid = nn.Sequential(nn.Conv2d(ch, 2 * ch, 3, padding=1, stride=2), nn.BatchNorm2d(2 * ch), nn.ReLU())
        self.head = nn.Conv2d(3 * ch, 1, 3, padding=1)

    def forward(self, x):
        d = self.down(x)
        m = F.interpolate(self.mid(d), scale_factor=2)
        return self.head(torch.cat([d, m], 1))


def make(n, s=16):
    yy, xx = torch.meshgrid(torch.arange(s), torch.arange(s), indexing='ij')
    c = torch.randint(4, 12, (n, 2, 1, 1))
    mask = (((yy - c[:, 0]) ** 2 + (xx - c[:, 1]) ** 2) < 14).float().unsqueeze(1)
    return mask + 0.5 * torch.randn(n, 1, s, s), mask


images, masks = make(64)
model = Unet()
loss_fn = DiceLoss(threshold=0.5)
optimizer = torch.optim.Adam([dict(params=model.parameters(), lr=0.003)])

for epoch in range(5):
    model.train()
    logs = []
    for i in range(0, 64, 8):
        x, y = images[i:i + 8], masks[i:i + 8]
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        logs.append(loss.item())
    print("Epoch %d dice_loss %.4f" % (epoch, sum(logs) / len(logs)))
