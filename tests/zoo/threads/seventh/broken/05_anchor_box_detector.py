import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

rng = np.random.default_rng(7)
torch.manual_seed(7)

SIZE, STRIDE = 64, 8
ANCHOR_SIZES = (12.0, 24.0)


def make_record(index):
    """An image and its annotation, the way the labelling tool exports it."""
    image = 0.1 * rng.standard_normal((3, SIZE, SIZE)).astype(np.float32)
    objects = []
    for _ in range(rng.integers(1, 3)):
        w, h = rng.integers(10, 28, size=2)
        x = int(rng.integers(0, SIZE - w))
        y = int(rng.integers(0, SIZE - h))
        image[int(rng.integers(0, 3)), y:y + h, x:x + w] += 1.0
        objects.append({"xmin": str(x), "ymin": str(y), "xmax": str(x + w - 1), "ymax": str(y + h - 1)})
    return {"id": index, "image": image, "objects": objects}


def load_annotation(record):
    objs = record["objects"]
    boxes = np.zeros((len(objs), 4), dtype=np.uint16)
    for i, obj in enumerate(objs):
        x1 = float(obj["xmin"]) - 1
        y1 = float(obj["ymin"]) - 1
        x2 = float(obj["xmax"]) - 1
        y2 = float(obj["ymax"]) - 1
        boxes[i] = np.array([x1, y1, x2, y2]).astype(np.int64).astype(np.uint16)
    return torch.from_numpy(boxes.astype(np.float32))


def make_anchors():
    c = (torch.arange(SIZE // STRIDE).float() + 0.5) * STRIDE
    cy, cx = torch.meshgrid(c, c, indexing="ij")
    out = []
    for s in ANCHOR_SIZES:
        out.append(torch.stack([cx - s / 2, cy - s / 2, cx + s / 2, cy + s / 2], -1).view(-1, 4))
    return torch.cat(out)


def box_iou(a, b):
    lt = torch.maximum(a[:, None, :2], b[None, :, :2])
    rb = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = (rb - lt + 1).clamp(min=0).prod(-1)
    area = lambda t: (t[:, 2] - t[:, 0] + 1) * (t[:, 3] - t[:, 1] + 1)
    return inter / (area(a)[:, None] + area(b)[None] - inter)


def bbox_transform(ex, gt):
    ew, eh = ex[:, 2] - ex[:, 0] + 1, ex[:, 3] - ex[:, 1] + 1
    gw, gh = gt[:, 2] - gt[:, 0] + 1, gt[:, 3] - gt[:, 1] + 1
    dx = (gt[:, 0] + gw / 2 - ex[:, 0] - ew / 2) / ew
    dy = (gt[:, 1] + gh / 2 - ex[:, 1] - eh / 2) / eh
    return torch.stack([dx, dy, torch.log(gw / ew), torch.log(gh / eh)], 1)


def assign(anchors, gt):
    iou = box_iou(anchors, gt)
    best, which = iou.max(1)
    labels = (best > 0.5).float()
    top = iou.argmax(0)
    labels[top] = 1.0
    which[top] = torch.arange(len(gt))
    pos = labels.bool()
    return labels, pos, bbox_transform(anchors[pos], gt[which[pos]])


class Detector(nn.Module):
    def __init__(self, n_anchor=len(ANCHOR_SIZES)):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(32, 48, 3, 2, 1), nn.ReLU(), nn.Conv2d(48, 48, 3, 1, 1), nn.ReLU(),
        )
        self.cls = nn.Conv2d(48, n_anchor, 1)
        self.reg = nn.Conv2d(48, 4 * n_anchor, 1)

    def forward(self, x):
        f = self.body(x)
        n = len(x)
        scores = self.cls(f).flatten(1)
        deltas = self.reg(f).view(n, -1, 4, f.size(2), f.size(3)).permute(0, 1, 3, 4, 2).reshape(n, -1, 4)
        return scores, deltas


records = [make_record(i) for i in range(160)]
anchors = make_anchors()
model = Detector()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

step = 0
for epoch in range(6):
    for start in range(0, len(records), 8):
        batch = records[start:start + 8]
        images = torch.from_numpy(np.stack([r["image"] for r in batch]))
        scores, deltas = model(images)
        loss_cls = loss_box = 0.0
        for i, rec in enumerate(batch):
            labels, pos, target = assign(anchors, load_annotation(rec))
            loss_cls = loss_cls + F.binary_cross_entropy_with_logits(scores[i], labels, pos_weight=torch.tensor(8.0))
            loss_box = loss_box + F.smooth_l1_loss(deltas[i][pos], target)
        loss = (loss_cls + loss_box) / len(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % 10 == 0:
            print(f"step {step:3d}  total {loss.item():.4f}  cls {loss_cls.item() / 8:.4f}  box {loss_box.item() / 8:.4f}")
