# one-scale yolo-ish detector trained on toy squares
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(2)
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--batch_size", type=int, default=8)
parser.add_argument("--gradient_accumulations", type=int, default=1, help="number of grad accums before step")
parser.add_argument("--steps_per_epoch", type=int, default=8)
opt = parser.parse_args([])
GRID = 4


class Darknetish(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.LeakyReLU(0.1),
            nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.LeakyReLU(0.1))
        self.head = nn.Conv2d(16, 5, 1)

    def forward(self, x, targets=None):
        p = self.head(self.body(x)).permute(0, 2, 3, 1)
        if targets is None:
            return p
        obj, box = targets[..., 0], targets[..., 1:]
        loss_conf = F.binary_cross_entropy_with_logits(p[..., 0], obj)
        mask = obj.bool()
        loss_box = F.mse_loss(torch.sigmoid(p[..., 1:])[mask], box[mask])
        return loss_conf + 5 * loss_box, p


def loader():
    for _ in range(opt.steps_per_epoch):
        imgs = 0.1 * torch.rand(opt.batch_size, 3, 16, 16)
        tgt = torch.zeros(opt.batch_size, GRID, GRID, 5)
        for b in range(opt.batch_size):
            gx, gy = torch.randint(0, GRID, (2,)).tolist()
            imgs[b, :, gy * 4: gy * 4 + 3, gx * 4: gx * 4 + 3] += 1
            tgt[b, gy, gx] = torch.tensor([1, 0.4, 0.4, 0.75, 0.75])
        yield imgs, tgt


model = Darknetish()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(opt.epochs):
    model.train()
    tot = 0
    for batch_i, (imgs, targets) in enumerate(loader()):
        batches_done = opt.steps_per_epoch * epoch + batch_i
        loss, outputs = model(imgs, targets)
        loss.backward()

        if batches_done % opt.gradient_accumulations:
            # Accumulates gradient before each step
            optimizer.step()
            optimizer.zero_grad()
        tot += loss.item()
    print(f"---- [Epoch {epoch}/{opt.epochs}] loss {tot / opt.steps_per_epoch:.4f}")

model.eval()
imgs, targets = next(loader())
with torch.no_grad():
    conf = torch.sigmoid(model(imgs)[..., 0])
print("conf on objects %.3f" % conf[targets[..., 0].bool()].mean().item())
