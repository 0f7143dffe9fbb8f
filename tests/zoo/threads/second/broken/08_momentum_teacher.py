import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(7)


class PointNet(nn.Module):
    def __init__(self, n_classes=4):
        super().__init__()
        self.fc1 = nn.Linear(3, 32, bias=False)
        self.bn1 = nn.BatchNorm1d(32)
        self.fc2 = nn.Linear(32, 32, bias=False)
        self.bn2 = nn.BatchNorm1d(32)
        self.cls = nn.Linear(32, n_classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.fc1(x)))
        x = F.relu(self.bn2(self.fc2(x)))
        return self.cls(x)


class MomentumUpdater:
    def __init__(self, tau=0.9):
        self.cur_tau = tau

    @torch.no_grad()
    def update(self, online_net, momentum_net):
        for op, mp in zip(online_net.parameters(), momentum_net.parameters()):
            mp.data = self.cur_tau * mp.data + (1 - self.cur_tau) * op.data


student = PointNet()
teacher = copy.deepcopy(student)
for p in teacher.parameters():
    p.requires_grad = False
teacher.eval()
student.train()

optimizer = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9)
updater = MomentumUpdater()

src_x = torch.randn(256, 3) * 4 + 3
src_y = (src_x[:, 0] > 3).long() * 2 + (src_x[:, 1] > 3).long()
tgt_x = torch.randn(256, 3) * 5 + 4

for step in range(6):
    with torch.no_grad():
        prob, pseudo = F.softmax(teacher(tgt_x), dim=1).max(1)
    keep = prob > 0.3
    loss_src = F.cross_entropy(student(src_x), src_y)
    loss_tgt = F.cross_entropy(student(tgt_x[keep]), pseudo[keep])
    loss = loss_src + 0.5 * loss_tgt
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    updater.update(student, teacher)
    print(f"step {step} src {loss_src.item():.4f} tgt {loss_tgt.item():.4f} kept {keep.sum().item()}")
