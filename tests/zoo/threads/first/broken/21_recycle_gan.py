import torch
import torch.nn as nn


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.InstanceNorm2d(o), nn.LeakyReLU(0.2))


def generator():
    return nn.Sequential(block(3, 12), block(12, 12), nn.Conv2d(12, 3, 3, padding=1), nn.Tanh())


def discriminator():
    return nn.Sequential(block(3, 12), nn.Conv2d(12, 1, 4, stride=2))


class RecycleGAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.G_A_B, self.G_B_A = generator(), generator()
        self.D_A, self.D_B = discriminator(), discriminator()
        self.P_A, self.P_B = block(6, 3), block(6, 3)
        g = [*self.G_A_B.parameters(), *self.G_B_A.parameters(), *self.P_A.parameters(), *self.P_B.parameters()]
        self.optim_G = torch.optim.Adam(g, lr=2e-4, betas=(0.5, 0.999))
        self.optim_D = torch.optim.Adam([*self.D_A.parameters(), *self.D_B.parameters()], lr=2e-4, betas=(0.5, 0.999))
        self.l1, self.adv = nn.L1Loss(), nn.MSELoss()

    def update_generator(self, net, back, pred, net_d, frames, true_frame):
        fakes = [net(f) for f in frames[:-1]]
        last = pred(torch.cat(fakes, dim=1))
        recycle = self.l1(back(last), frames[-1])
        cycle = sum(self.l1(back(f), t) for f, t in zip(fakes, frames))
        score = net_d(true_frame)
        return 10 * recycle + 10 * cycle, self.adv(score, torch.ones_like(score))

    def backward(self, a, b):
        cons_a, adv_a = self.update_generator(self.G_A_B, self.G_B_A, self.P_B, self.D_B, a, b[-1])
        cons_b, adv_b = self.update_generator(self.G_B_A, self.G_A_B, self.P_A, self.D_A, b, a[-1])
        self.optim_G.zero_grad()
        (cons_a + adv_a + cons_b + adv_b).backward()
        self.optim_G.step()
        loss_d = 0
        for d, real, fake in ((self.D_A, a[-1], self.G_B_A(b[-1])), (self.D_B, b[-1], self.G_A_B(a[-1]))):
            r, f = d(real), d(fake.detach())
            loss_d = loss_d + self.adv(r, torch.ones_like(r)) + self.adv(f, torch.zeros_like(f))
        self.optim_D.zero_grad()
        loss_d.backward()
        self.optim_D.step()
        return cons_a.item() + cons_b.item(), adv_a.item() + adv_b.item(), loss_d.item()


torch.manual_seed(0)
model = RecycleGAN()
for it in range(3):
    a = [torch.rand(2, 3, 12, 12) * 2 - 1 for _ in range(3)]
    b = [torch.rand(2, 3, 12, 12) * 2 - 1 for _ in range(3)]
    print("iter %d  consistency %.4f  adv %.4f  D %.4f" % (it, *model.backward(a, b)))
