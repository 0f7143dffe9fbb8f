import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(5)


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2 = nn.Linear(12, 48), nn.Linear(48, 4)

    def forward(self, x):
        return F.log_softmax(self.l2(F.relu(self.l1(x))), dim=1)


def loss_coteaching(y_1, y_2, t, forget_rate):
    loss_1 = F.cross_entropy(y_1, t, reduction='none')
    ind_1_sorted = torch.argsort(loss_1.detach())
    loss_2 = F.cross_entropy(y_2, t, reduction='none')
    ind_2_sorted = torch.argsort(loss_2.detach())
    num_remember = int((1 - forget_rate) * len(loss_1))
    ind_1_update = ind_1_sorted[:num_remember]
    ind_2_update = ind_2_sorted[:num_remember]
    loss_1_update = F.cross_entropy(y_1[ind_2_update], t[ind_2_update])
    loss_2_update = F.cross_entropy(y_2[ind_1_update], t[ind_1_update])
    return loss_1_update, loss_2_update


centers = torch.randn(4, 12)
clean = torch.randint(0, 4, (512,))
x = centers[clean] + 0.8 * torch.randn(512, 12)
noisy = torch.where(torch.rand(512) < 0.3, torch.randint(0, 4, (512,)), clean)
rate_schedule = torch.linspace(0, 0.25, 5).tolist() + [0.25] * 5

cnn1, cnn2 = MLP(), MLP()
optimizer1 = torch.optim.Adam(cnn1.parameters(), lr=3e-3)
optimizer2 = torch.optim.Adam(cnn2.parameters(), lr=3e-3)
for epoch in range(10):
    for idx in torch.randperm(512).split(64):
        logits1, logits2 = cnn1(x[idx]), cnn2(x[idx])
        loss_1, loss_2 = loss_coteaching(logits1, logits2, noisy[idx], rate_schedule[epoch])
        optimizer1.zero_grad()
        loss_1.backward()
        optimizer1.step()
        optimizer2.zero_grad()
        loss_2.backward()
        optimizer2.step()
    acc = [(n(x).argmax(1) == clean).float().mean().item() for n in (cnn1, cnn2)]
    print("epoch %d loss1 %.4f loss2 %.4f clean acc %.3f %.3f" % (epoch, loss_1.item(), loss_2.item(), *acc))
