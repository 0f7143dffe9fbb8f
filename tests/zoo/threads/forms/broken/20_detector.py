import torch
from torch import nn

torch.manual_seed(0)
SIZE = 32


def anchor_boxes(stride=4, side=10.0):
    c = torch.arange(stride / 2, SIZE, stride)
    cy, cx = torch.meshgrid(c, c, indexing="ij")
    centre = torch.stack([cx, cy], dim=-1).reshape(-1, 2)
    return torch.cat([centre - side / 2, centre + side / 2], dim=-1)


def iou(a, b):
    lo = torch.maximum(a[:, :2], b[:, :2])
    hi = torch.minimum(a[:, 2:], b[:, 2:])
    inter = (hi - lo).clamp(min=0).prod(-1)
    area = lambda t: (t[:, 2:] - t[:, :2]).clamp(min=0).prod(-1)
    return inter / (area(a) + area(b) - inter + 1e-9)


def scenes(n):
    wh = torch.rand(n, 2) * 5 + 8
    lo = torch.rand(n, 2) * (SIZE - wh)
    box = torch.cat([lo, lo + wh], dim=-1)
    grid = torch.arange(SIZE) + 0.5
    inx = (grid > box[:, None, 0]) & (grid < box[:, None, 2])
    iny = (grid > box[:, None, 1]) & (grid < box[:, None, 3])
    img = (iny[:, :, None] & inx[:, None, :]).float() + 0.1 * torch.randn(n, SIZE, SIZE)
    return img.unsqueeze(1), box / SIZE


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 12, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(12, 24, 5, stride=2, padding=2), nn.ReLU())
        self.objectness = nn.Conv2d(24, 1, 1)
        self.offsets = nn.Conv2d(24, 4, 3, padding=1)

    def forward(self, img):
        f = self.features(img)
        return self.objectness(f).flatten(1), self.offsets(f).flatten(2).transpose(1, 2)


class DetectionLoss(nn.Module):
    def __init__(self, anchors, threshold=0.4):
        super().__init__()
        self.register_buffer("anchors", anchors)
        self.threshold = threshold

    def forward(self, score, offset, boxes):
        overlap = torch.stack([iou(self.anchors, b.expand_as(self.anchors)) for b in boxes])
        positive = overlap > self.threshold
        goal = boxes[:, None] - self.anchors
        box = (offset[positive] - goal[positive]).abs().sum() / positive.sum().clamp(min=1)
        obj = nn.functional.binary_cross_entropy_with_logits(score, positive.float())
        return {"obj": obj, "box": 0.1 * box}


model, criterion = Detector(), DetectionLoss(anchor_boxes())
optim = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(100):
    img, boxes = scenes(16)
    losses = criterion(*model(img), boxes)
    optim.zero_grad()
    sum(losses.values()).backward()
    optim.step()
    if step % 20 == 0:
        print(step, {k: round(v.item(), 4) for k, v in losses.items()})
