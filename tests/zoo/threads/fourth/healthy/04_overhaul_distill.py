import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(3)


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.conv2 = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.fc = nn.Linear(width, 4)

    def extract_feature(self, x):
        f1 = self.conv1(x)
        f2 = self.conv2(F.relu(f1))
        return [f1, f2], self.fc(F.relu(f2).mean([2, 3]))


class Distiller(nn.Module):
    def __init__(self, t_net, s_net, t_ch, s_ch):
        super().__init__()
        self.Connectors = nn.ModuleList([nn.Sequential(nn.Conv2d(s_ch, t_ch, 1, bias=False), nn.BatchNorm2d(t_ch))
                                         for _ in range(2)])
        self.t_net, self.s_net = t_net, s_net

    def forward(self, x):
        t_feats, _ = self.t_net.extract_feature(x)
        s_feats, s_out = self.s_net.extract_feature(x)
        loss_distill = 0
        for i in range(2):
            s = self.Connectors[i](s_feats[i])
            t = t_feats[i].detach()
            loss = F.mse_loss(s, t, reduction="none")
            loss = loss * ((s > t) | (t > 0)).float()
            loss_distill = loss_distill + loss.mean() / 2 ** (1 - i)
        return s_out, loss_distill


protos = torch.randn(4, 1, 8, 8)


def batch(n=32):
    y = torch.randint(0, 4, (n,))
    return protos[y] + 0.7 * torch.randn(n, 1, 8, 8), y


t_net, s_net = Net(16), Net(6)
opt = torch.optim.Adam(t_net.parameters(), 5e-3)
for _ in range(60):
    x, y = batch()
    opt.zero_grad()
    F.cross_entropy(t_net.extract_feature(x)[1], y).backward()
    opt.step()

d_net = Distiller(t_net, s_net, 16, 6)
optimizer = torch.optim.SGD(list(s_net.parameters()) + list(d_net.Connectors.parameters()), lr=0.1, momentum=0.9,
                            weight_decay=5e-4, nesterov=True)
for it in range(121):
    d_net.train()
    d_net.s_net.train()
    d_net.t_net.train()
    x, y = batch()
    optimizer.zero_grad()
    out, loss_distill = d_net(x)
    loss_ce = F.cross_entropy(out, y)
    loss = loss_ce + loss_distill
    loss.backward()
    optimizer.step()
    if it % 30 == 0:
        print("it %d ce %.4f distill %.4f acc %.2f" % (it, loss_ce.item(), loss_distill.item(),
                                                      (out.argmax(1) == y).float().mean().item()))
