import torch
import torch.nn as nn

torch.manual_seed(2)


class MetaOptimizer(nn.Module):
    """Coordinate-wise learned optimizer."""

    def __init__(self, num_layers=2, hidden_size=10):
        super().__init__()
        self.hidden_size = hidden_size
        self.linear1 = nn.Linear(1, hidden_size)
        self.lstms = []
        for i in range(num_layers):
            self.lstms.append(nn.LSTMCell(hidden_size, hidden_size))
        self.linear2 = nn.Linear(hidden_size, 1)
        self.linear2.weight.data.mul_(0.1)
        self.linear2.bias.data.fill_(0.0)

    def reset(self, n):
        self.hx = [torch.zeros(n, self.hidden_size) for _ in self.lstms]
        self.cx = [torch.zeros(n, self.hidden_size) for _ in self.lstms]

    def forward(self, grad):
        x = torch.tanh(self.linear1(grad.unsqueeze(1)))
        for i, lstm in enumerate(self.lstms):
            self.hx[i], self.cx[i] = lstm(x, (self.hx[i], self.cx[i]))
            x = self.hx[i]
        return self.linear2(x).squeeze(1)


def quadratic(W, b, theta):
    return ((W @ theta - b) ** 2).mean()


meta_optimizer = MetaOptimizer()
optimizer = torch.optim.Adam(meta_optimizer.parameters(), lr=1e-3)
truncated_bptt_step = 8

for epoch in range(6):
    W, b = torch.randn(10, 10), torch.randn(10)
    theta = torch.randn(10)
    meta_optimizer.reset(10)
    loss_sum = 0.0
    for k in range(truncated_bptt_step):
        leaf = theta.detach().requires_grad_()
        g, = torch.autograd.grad(quadratic(W, b, leaf), leaf)
        theta = theta - 0.1 * meta_optimizer(g)
        loss_sum = loss_sum + quadratic(W, b, theta)
    loss_sum = loss_sum / truncated_bptt_step
    optimizer.zero_grad()
    loss_sum.backward()
    nn.utils.clip_grad_norm_(meta_optimizer.parameters(), 1.0)
    optimizer.step()
    print(f"epoch {epoch} loss {loss_sum.item():.4f}")
