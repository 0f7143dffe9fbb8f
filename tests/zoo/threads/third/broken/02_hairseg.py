# Mobile hair matting style segmentation: pixel CE + an image-gradient consistency term
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class ImageGradientLoss(nn.Module):
    """Edges of the predicted mask should follow edges of the grey image."""

    def __init__(self):
        super().__init__()
        sx = torch.tensor([[1., 0., -1.], [2., 0., -2.], [1., 0., -1.]])
        self.register_buffer("kx", sx.view(1, 1, 3, 3))
        self.register_buffer("ky", sx.t().contiguous().view(1, 1, 3, 3))

    def forward(self, pred, gray):
        size = pred.size()
        pred = pred.argmax(1).view(size[0], 1, size[2], size[3]).float()
        ix, iy = F.conv2d(gray, self.kx, padding=1), F.conv2d(gray, self.ky, padding=1)
        norm = torch.sqrt(ix ** 2 + iy ** 2 + 1e-6)
        ix, iy = ix / norm, iy / norm
        mx, my = F.conv2d(pred, self.kx, padding=1), F.conv2d(pred, self.ky, padding=1)
        mag = torch.sqrt(mx ** 2 + my ** 2 + 1e-6)
        return (mag * (1 - ((ix * mx + iy * my) / mag) ** 2)).sum() / mag.sum()


class HairMatteLoss(nn.Module):
    def __init__(self, gradient_loss_weight):
        super().__init__()
        self.w = gradient_loss_weight
        self.image_gradient = ImageGradientLoss()

    def forward(self, pred, mask, img):
        gray = img.mean(1, keepdim=True)
        bce = F.cross_entropy(pred, mask)
        grad = self.image_gradient(pred, gray)
        return bce + self.w * grad, bce, grad


class TinyUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU())
        self.mid = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.out = nn.Conv2d(11, 2, 3, padding=1)

    def forward(self, x):
        h = self.up(self.mid(self.down(x)))
        return self.out(torch.cat([h, x], 1))


def batch(n=4, s=16):
    img = torch.rand(n, 3, s, s)
    img[:, :, : s // 2] += 0.5
    mask = (img.mean(1) > 0.75).long()
    return img, mask


net = TinyUNet()
criterion = HairMatteLoss(gradient_loss_weight=0.5)
optimizer = torch.optim.Adadelta(net.parameters(), lr=1.0)

for epoch in range(10):
    img, mask = batch()
    pred = net(img)
    loss, bce, grad = criterion(pred, mask, img)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 3 == 0:
        print("epoch", epoch, "bce %.4f" % bce.item(), "grad %.4f" % grad.item())
with torch.no_grad():
    img, mask = batch()
    print("pix acc %.3f" % (net(img).argmax(1) == mask).float().mean().item())
