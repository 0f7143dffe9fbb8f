import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(17)


class Expert(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d, h), nn.Linear(h, d)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


class SwitchFFN(nn.Module):
    def __init__(self, d, n_experts=6, h=32):
        super().__init__()
        self.experts = nn.ModuleList([Expert(d, h) for _ in range(n_experts)])
        self.switch = nn.Linear(d, n_experts)
        self.gate = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        prob = F.softmax(self.switch(x), dim=-1)
        p_max, route = prob.max(dim=-1)
        out = torch.zeros_like(x)
        counts = x.new_zeros(len(self.experts))
        for i, expert in enumerate(self.experts):
            idx = (route == i).nonzero().squeeze(1)
            if len(idx) == 0:
                continue
            counts[i] = len(idx)
            out = out.index_add(0, idx, expert(x[idx]) * p_max[idx].unsqueeze(1))
        balance = len(self.experts) * ((counts / len(x)) * prob.mean(0)).sum()
        return x + self.gate * out, balance, route


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(8, 16)
        self.moe = nn.ModuleList([SwitchFFN(16), SwitchFFN(16)])
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        h, aux = torch.tanh(self.inp(x)), 0
        for layer in self.moe:
            if self.training and torch.rand(1).item() < 0.1:
                continue
            h, b, route = layer(h)
            aux = aux + b
        return self.out(h), aux


X = torch.randn(512, 8)
Y = torch.where(X[:, :1] > 0, X[:, 1:2] * X[:, 2:3], X[:, 3:4].abs() - 1)
net = Net()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
warmup = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, s / 20))
for it in range(201):
    idx = torch.randint(0, 512, (24,))
    pred, aux = net(X[idx])
    mse = F.mse_loss(pred, Y[idx])
    opt.zero_grad()
    (mse + 0.01 * aux).backward()
    opt.step()
    warmup.step()
    if it % 40 == 0:
        with torch.no_grad():
            full = F.mse_loss(net(X)[0], Y).item()
        print("it %d mse %.4f full %.4f gate %s" % (it, mse.item(), full, [round(m.gate.item(), 3) for m in net.moe]))
