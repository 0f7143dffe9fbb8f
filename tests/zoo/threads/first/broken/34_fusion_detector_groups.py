import torch
import torch.nn as nn


class GPTFusion(nn.Module):
    def __init__(self, d_model=16, anchors=4, heads=2):
        super().__init__()
        self.anchors = anchors
        self.pos_emb = nn.Parameter(torch.zeros(1, 2 * anchors * anchors, d_model))
        self.ln = nn.LayerNorm(d_model)
        self.q, self.k, self.v = (nn.Linear(d_model, d_model) for _ in range(3))
        self.out = nn.Linear(d_model, d_model)
        self.heads = heads
        self.avgpool = nn.AdaptiveAvgPool2d((anchors, anchors))

    def forward(self, rgb, ir):
        b, c, h, w = rgb.shape
        tokens = torch.cat([self.avgpool(t).flatten(2) for t in (rgb, ir)], 2).transpose(1, 2)
        x = self.ln(tokens + self.pos_emb)
        q, k, v = (f(x).view(b, -1, self.heads, c // self.heads).transpose(1, 2) for f in (self.q, self.k, self.v))
        y = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, -1, c)
        y = tokens + self.out(y)
        a, t = y.transpose(1, 2).reshape(b, c, 2, self.anchors, self.anchors).unbind(2)
        up = lambda z: nn.functional.interpolate(z, (h, w), mode="bilinear", align_corners=False)
        return rgb + up(a), ir + up(t)


class Detector(nn.Module):
    def __init__(self, c=16, no=7):
        super().__init__()
        conv = lambda i: nn.Sequential(nn.Conv2d(i, c, 3, 2, 1, bias=False), nn.BatchNorm2d(c), nn.SiLU())
        self.rgb, self.ir = conv(3), conv(1)
        self.fusion = GPTFusion(c)
        self.detect = nn.Conv2d(2 * c, no, 1)

    def forward(self, rgb, ir):
        return self.detect(torch.cat(self.fusion(self.rgb(rgb), self.ir(ir)), 1))


torch.manual_seed(0)
model = Detector()
pg0, pg1, pg2 = [], [], []
for k, v in model.named_modules():
    if hasattr(v, 'bias') and isinstance(v.bias, nn.Parameter):
        pg2.append(v.bias)
    if isinstance(v, nn.BatchNorm2d):
        pg0.append(v.weight)
    elif hasattr(v, 'weight') and isinstance(v.weight, nn.Parameter):
        pg1.append(v.weight)

optimizer = torch.optim.SGD(pg0, lr=0.02, momentum=0.9, nesterov=True)
optimizer.add_param_group({'params': pg1, 'weight_decay': 5e-4})
optimizer.add_param_group({'params': pg2})
del pg0, pg1, pg2
rgb, ir, target = torch.rand(4, 3, 16, 16), torch.rand(4, 1, 16, 16), torch.rand(4, 7, 8, 8)
for epoch in range(4):
    loss = nn.functional.mse_loss(model(rgb, ir), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.5f}")
