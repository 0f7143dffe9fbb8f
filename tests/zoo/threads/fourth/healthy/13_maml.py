import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(12)


class Learner(nn.Module):
    def __init__(self):
        super().__init__()
        self.vars = nn.ParameterList()
        for i, o in ((1, 32), (32, 32), (32, 1)):
            w = nn.Parameter(torch.empty(o, i))
            nn.init.kaiming_normal_(w)
            self.vars.append(w)
            self.vars.append(nn.Parameter(torch.zeros(o)))

    def forward(self, x, vars=None):
        vars = list(self.vars) if vars is None else vars
        for k in range(0, len(vars), 2):
            x = F.linear(x, vars[k], vars[k + 1])
            if k + 2 < len(vars):
                x = torch.relu(x)
        return x


def task():
    amp, phase = 0.5 + 2 * torch.rand(1), 3.14 * torch.rand(1)

    def draw(n):
        x = torch.rand(n, 1) * 6 - 3
        return x, amp * torch.sin(x + phase)
    return draw(10), draw(10)


net = Learner()
meta_optim = torch.optim.Adam(net.parameters(), lr=3e-3)
update_lr, update_step, task_num = 0.03, 3, 4

for it in range(151):
    losses_q = []
    for _ in range(task_num):
        (xs, ys), (xq, yq) = task()
        loss = F.mse_loss(net(xs), ys)
        grad = torch.autograd.grad(loss, net.parameters())
        fast_weights = [p - update_lr * g for g, p in zip(grad, net.parameters())]
        for k in range(1, update_step):
            loss = F.mse_loss(net(xs, fast_weights), ys)
            grad = torch.autograd.grad(loss, fast_weights, retain_graph=True)
            fast_weights = [p - update_lr * g for g, p in zip(grad, fast_weights)]
        losses_q.append(F.mse_loss(net(xq, fast_weights), yq))
    loss_q = torch.stack(losses_q).mean()
    meta_optim.zero_grad()
    loss_q.backward()
    meta_optim.step()
    if it % 30 == 0:
        print("iter %d query loss %.4f" % (it, loss_q.item()))
