import torch
import torch.nn as nn

torch.manual_seed(0)
H = W = 24
ys, xs = torch.meshgrid(torch.linspace(-1, 1, H), torch.linspace(-1, 1, W), indexing="ij")
grid = torch.stack([xs, ys], dim=-1).reshape(-1, 2)

target = torch.zeros(H * W, 3)
for center, color in [((0.4, 0.3), (1, 0.2, 0.1)), ((-0.5, -0.2), (0.1, 0.8, 0.3)), ((0.1, -0.6), (0.2, 0.3, 1))]:
    d = ((grid - torch.tensor(center)) ** 2).sum(-1, keepdim=True)
    target += torch.exp(-d / 0.04) * torch.tensor(color, dtype=torch.float)


class Splats(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.means = nn.Parameter(torch.rand(n, 3) * 2 - 1)
        self.log_scales = nn.Parameter(torch.full((n,), -1.5))
        self.colors = nn.Parameter(torch.rand(n, 3) * 0.2)


def rasterize(splats, camera):
    means2d = splats.means @ camera
    dist = ((grid[:, None] - means2d[None]) ** 2).sum(-1)
    weight = torch.exp(-dist / (2 * splats.log_scales.exp() ** 2))
    image = weight @ splats.colors
    return image, {"means2d": means2d, "radii": splats.log_scales.detach().exp()}


splats = Splats(20)
camera = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.05, -0.05]])
optimizer = torch.optim.Adam(splats.parameters(), lr=0.01)

refine_start, refine_every, refine_stop = 60, 60, 240
grad_norm = torch.zeros(20)
count = 0

for step in range(400):
    image, info = rasterize(splats, camera)
    loss = (image - target).abs().mean()

    optimizer.zero_grad(set_to_none=True)
    loss.backward()

    if refine_start <= step < refine_stop:
        grads = info["means2d"].grad
        grad_norm += grads.norm(dim=-1)
        count += 1
        if step % refine_every == refine_every - 1:
            worst = (grad_norm / count).topk(3).indices
            idle = splats.colors.detach().abs().sum(-1).topk(3, largest=False).indices
            with torch.no_grad():
                for src, dst in zip(worst, idle):
                    splats.means[dst] = splats.means[src] + 0.05 * torch.randn(3)
                    splats.colors[dst] = splats.colors[src] * 0.5
                    splats.colors[src] *= 0.5
            grad_norm.zero_()
            count = 0

    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} l1 {loss.item():.4f}")
print("final", loss.item())
