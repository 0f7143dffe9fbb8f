import torch
import torch.nn as nn

torch.manual_seed(0)


def to_gaussian(boxes):
    xy, wh, r = boxes[:, :2], boxes[:, 2:4].clamp(min=1e-3), boxes[:, 4]
    cos, sin = r.cos(), r.sin()
    rot = torch.stack([cos, -sin, sin, cos], dim=-1).view(-1, 2, 2)
    scale = torch.diag_embed(0.5 * wh)
    return xy, rot @ scale.square() @ rot.transpose(1, 2)


def gwd_loss(pred, target, tau=1.0):
    """Gaussian Wasserstein distance between rotated boxes (x, y, w, h, angle)."""
    mu_p, sigma_p = to_gaussian(pred)
    mu_t, sigma_t = to_gaussian(target)
    xy_distance = (mu_p - mu_t).square().sum(dim=-1)
    trace = sigma_p.diagonal(dim1=1, dim2=2).sum(-1) + sigma_t.diagonal(dim1=1, dim2=2).sum(-1)
    cross = (sigma_p @ sigma_t).diagonal(dim1=1, dim2=2).sum(-1)
    det = (sigma_p.det() * sigma_t.det()).clamp(min=1e-12).sqrt()
    whr_distance = trace - 2 * (cross + 2 * det).sqrt()
    distance = (xy_distance + whr_distance.clamp(min=0)).sqrt()
    return 1 - 1 / (tau + torch.log1p(distance))


class BoxHead(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(dim, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.delta = nn.Linear(64, 5)
        nn.init.zeros_(self.delta.weight)
        nn.init.zeros_(self.delta.bias)

    def forward(self, feat, anchors):
        d = self.delta(self.body(feat))
        xy = anchors[:, :2] + d[:, :2]
        wh = anchors[:, 2:4] * d[:, 2:4].exp()
        return torch.cat([xy, wh, anchors[:, 4:] + d[:, 4:]], dim=1)


embed = torch.randn(5, 32) * 0.7


def make_batch(n):
    anchors = torch.cat([torch.randint(0, 8, (n, 2)).float(), torch.full((n, 2), 2.0), torch.zeros(n, 1)], dim=1)
    offset = torch.randn(n, 5) * torch.tensor([0.5, 0.5, 0.3, 0.3, 0.3])
    offset[torch.rand(n) < 0.05] = 0.0
    target = torch.cat([anchors[:, :2] + offset[:, :2], anchors[:, 2:4] * offset[:, 2:4].exp(), offset[:, 4:]], dim=1)
    return offset @ embed + 0.02 * torch.randn(n, 32), anchors, target


head = BoxHead()
optimizer = torch.optim.Adam(head.parameters(), lr=2e-3)

for step in range(300):
    feat, anchors, target = make_batch(64)
    loss = gwd_loss(head(feat, anchors), target).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 30 == 0:
        print(f"step {step} loss {loss.item():.4f}")
