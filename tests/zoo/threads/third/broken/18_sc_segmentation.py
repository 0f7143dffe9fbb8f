"""Spinal cord segmentation training loop (dice loss), sgd with step decay."""
import torch
import torch.nn as nn

torch.manual_seed(19)
context = {"batch_size": 4, "num_epochs": 6, "batches": 10,
           "scheduler": {"step_size": 4, "gamma": 0.1}, "initial_lr": 0.3}


class SmallUnet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU())
        self.c2 = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2))
        self.head = nn.Conv2d(24, 1, 1)

    def forward(self, x):
        a = self.c1(x)
        return torch.sigmoid(self.head(torch.cat([a, self.c2(a)], 1)))


def dice_loss(pred, target, smooth=1.0):
    inter = (pred * target).flatten(1).sum(1)
    total = pred.flatten(1).sum(1) + target.flatten(1).sum(1)
    return 1 - ((2 * inter + smooth) / (total + smooth)).mean()


def subjects(n):
    for _ in range(n):
        img = torch.rand(context["batch_size"], 1, 16, 16) * 0.3
        gt = torch.zeros_like(img)
        for b in range(context["batch_size"]):
            r, c = torch.randint(3, 11, (2,)).tolist()
            img[b, 0, r - 2:r + 3, c - 2:c + 3] += 0.6
            gt[b, 0, r - 2:r + 3, c - 2:c + 3] = 1
        yield img, gt


def main():
    model = SmallUnet()
    optimizer = torch.optim.SGD(model.parameters(), lr=context["initial_lr"], momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, **context["scheduler"])
    for epoch in range(1, context["num_epochs"] + 1):
        model.train()
        train_loss = 0.0
        for img, gt in subjects(context["batches"]):
            preds = model(img)
            loss = dice_loss(preds, gt)
            train_loss += loss.item()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
        model.eval()
        with torch.no_grad():
            val = sum(dice_loss(model(i), g).item() for i, g in subjects(3)) / 3
        print(f"Epoch {epoch} train dice loss {train_loss / context['batches']:.4f} val {val:.4f}")


main()
