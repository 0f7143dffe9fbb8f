import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class Extractor(nn.Module):
    """A frozen random feature network, as in texture synthesis without training."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 24, 3, padding=1), nn.Conv2d(24, 32, 3, padding=1)])
        for p in self.parameters():
            p.requires_grad_(False)

    def forward(self, x):
        feats = []
        for conv in self.layers:
            x = F.relu(conv(x))
            feats.append(x)
            x = F.avg_pool2d(x, 2)
        return feats


def gram(f):
    b, c, h, w = f.shape
    f = f.view(b, c, h * w)
    return f @ f.transpose(1, 2) / (c * h * w)


grid = torch.linspace(0, 1, 24)
content = torch.stack([grid.view(1, -1).expand(24, 24), grid.view(-1, 1).expand(24, 24), torch.full((24, 24), 0.5)])
stripes = (torch.sin(grid * 40).view(1, -1) > 0).float().expand(24, 24)
style = torch.stack([stripes, 1 - stripes, 0.2 * stripes])
content, style = content.unsqueeze(0), style.unsqueeze(0)

net = Extractor().eval()
target_content = net(content)[1].detach()
target_style = [gram(f).detach() for f in net(style)]

image = content.clone().requires_grad_(True)
optimizer = torch.optim.LBFGS([image], max_iter=4, history_size=10, line_search_fn="strong_wolfe")
run = [0]

while run[0] <= 240:

    def closure():
        optimizer.zero_grad()
        feats = net(image)
        style_loss = sum(F.mse_loss(gram(f), t) for f, t in zip(feats, target_style))
        content_loss = F.mse_loss(feats[1], target_content)
        outside = (image - image.detach().clamp(0, 1)).pow(2).mean()
        loss = 3e6 * style_loss + content_loss + 10 * outside
        loss.backward()
        run[0] += 1
        if run[0] % 30 == 0 or run[0] == 1:
            print(f"run {run[0]} style {3e6 * style_loss.item():.4f} content {content_loss.item():.5f} loss {loss.item():.4f}")
        return loss

    optimizer.step(closure)

with torch.no_grad():
    image.clamp_(0, 1)
print("image range", image.min().item(), image.max().item())
