"""Bird's-eye-view object detector: one dense head per quantity on an 8x8 grid."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
GRID = 8


class Trunk(nn.Module):
    def __init__(self, cin=5, width=32):
        super().__init__()
        self.c1 = nn.Conv2d(cin, width, 3, padding=1)
        self.c2 = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.c3 = nn.Conv2d(width, width, 3, padding=1)
        self.gn = nn.GroupNorm(4, width)

    def forward(self, x):
        x = F.relu(self.c1(x))
        x = F.relu(self.c2(x))
        return F.relu(self.gn(self.c3(x)) + x)


class BevDetector(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.trunk = Trunk(width=width)
        self.score = nn.Conv2d(width, 1, 1)
        self.position = nn.Conv2d(width, 2, 1)
        self.dimension = nn.Conv2d(width, 3, 1)
        self.angle = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        f = self.trunk(x)
        return {
            "score": self.score(f),
            "position": self.position(f),
            "dimension": self.dimension(f),
            "angle": self.angle(f),
        }


def make_scenes(n):
    img = 0.1 * torch.randn(n, 5, 2 * GRID, 2 * GRID)
    score = torch.zeros(n, 1, GRID, GRID)
    pos = torch.zeros(n, 2, GRID, GRID)
    dim = torch.zeros(n, 3, GRID, GRID)
    ang = torch.zeros(n, 2, GRID, GRID)
    for b in range(n):
        for _ in range(3):
            i, j = torch.randint(0, GRID, (2,)).tolist()
            code = torch.rand(5) + 0.5
            img[b, :, 2 * i:2 * i + 2, 2 * j:2 * j + 2] += code[:, None, None]
            score[b, 0, i, j] = 1.0
            pos[b, :, i, j] = code[:2] - 1.0
            dim[b, :, i, j] = 2.0 * code[1:4]
            theta = 3.0 * (code[4] - 1.0)
            ang[b, :, i, j] = torch.stack([theta.sin(), theta.cos()])
    return img, {"score": score, "position": pos, "dimension": dim, "angle": ang}


def masked_l1(pred, target, mask):
    diff = (pred - target).abs() * mask
    return diff.sum() / mask.sum().clamp(min=1) / pred.shape[1]


def compute_loss(pred, target, weights):
    mask = target["score"]
    losses = {
        "score": F.binary_cross_entropy_with_logits(
            pred["score"], target["score"], pos_weight=torch.tensor(5.0)),
        "position": masked_l1(pred["position"], target["position"], mask),
        "dimension": masked_l1(pred["dimension"], target["dimension"], mask),
        "angle": masked_l1(pred["angle"], target["angle"], mask),
    }
    total = sum(weights[k] * v for k, v in losses.items())
    log = {k: v.item() for k, v in losses.items()}
    log["total"] = total.item()

    total = losses["score"]
    return total, log


def main():
    model = BevDetector()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    weights = {"score": 1.0, "position": 1.0, "dimension": 1.0, "angle": 1.0}
    images, targets = make_scenes(256)

    for epoch in range(12):
        perm = torch.randperm(len(images))
        sums = {}
        for idx in perm.split(32):
            pred = model(images[idx])
            loss, log = compute_loss(pred, {k: v[idx] for k, v in targets.items()}, weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            for k, v in log.items():
                sums[k] = sums.get(k, 0.0) + v / 8
        print(f"epoch {epoch:2d} " + "  ".join(f"{k}: {v:.4f}" for k, v in sums.items()))


if __name__ == "__main__":
    main()
