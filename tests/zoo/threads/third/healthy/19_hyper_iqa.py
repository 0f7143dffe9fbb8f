"""Image quality with a hypernetwork: content branch emits the weights of a small target net per image."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(18)
IN, HID = 12, 8


class HyperNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.res = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 12, 3, padding=1),
                                 nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.lda = nn.Linear(12, IN)
        self.w1, self.b1 = nn.Linear(12, IN * HID), nn.Linear(12, HID)
        self.w2, self.b2 = nn.Linear(12, HID), nn.Linear(12, 1)

    def forward(self, img):
        f = self.res(img)
        b = img.size(0)
        return {"vec": self.lda(f), "w1": self.w1(f).view(b, HID, IN), "b1": self.b1(f),
                "w2": self.w2(f).view(b, 1, HID), "b2": self.b2(f)}


class TargetNet(nn.Module):
    def __init__(self, paras):
        super().__init__()
        self.paras = paras

    def forward(self, x):
        h = torch.sigmoid(torch.bmm(self.paras["w1"], x.unsqueeze(2)).squeeze(2) + self.paras["b1"])
        return (torch.bmm(self.paras["w2"], h.unsqueeze(2)).squeeze(2) + self.paras["b2"]).squeeze(1)


def distorted(n=16):
    img = torch.rand(n, 3, 12, 12)
    level = torch.rand(n)
    img = img + level.view(-1, 1, 1, 1) * torch.randn_like(img)
    return img, 1 - level


model_hyper = HyperNet()
backbone_ids = set(map(id, model_hyper.res.parameters()))
hyper_params = [p for p in model_hyper.parameters() if id(p) not in backbone_ids]
lr, ratio = 2e-3, 5
solver = torch.optim.Adam([{"params": hyper_params, "lr": lr * ratio},
                           {"params": model_hyper.res.parameters(), "lr": lr}], weight_decay=5e-4)
for t in range(4):
    ep = []
    for _ in range(8):
        img, label = distorted()
        solver.zero_grad()
        paras = model_hyper(img)
        model_target = TargetNet(paras)
        for param in model_target.parameters():
            param.requires_grad = False
        pred = model_target(paras["vec"])
        loss = F.l1_loss(pred, label)
        loss.backward()
        solver.step()
        ep.append(loss.item())
    lr = 2e-3 / 10 ** (t // 3)
    if t > 1:
        ratio = 1
    solver = torch.optim.Adam([{"params": hyper_params, "lr": lr * ratio},
                               {"params": model_hyper.res.parameters(), "lr": lr}], weight_decay=5e-4)
    print(f"epoch {t + 1} train l1 {sum(ep) / len(ep):.4f}")
