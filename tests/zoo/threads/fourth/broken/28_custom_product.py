import torch
import torch.nn as nn

torch.manual_seed(18)


class func(torch.autograd.Function):
    '''
    recomputes the product in the backward pass, saves memory for long time slots
    '''
    @staticmethod
    def forward(ctx, x0, w):
        out = torch.tanh(x0 @ w)
        ctx.save_for_backward(w, x0)
        return out

    @staticmethod
    def backward(ctx, grad_output):
        w, x0 = ctx.saved_tensors
        w = w.detach().requires_grad_(True)
        x0 = x0.detach().requires_grad_(True)
        out = torch.tanh(x0 @ w)
        out.requires_grad = True
        dfdx, dfdw = torch.autograd.grad(outputs=out, inputs=(x0, w), grad_outputs=grad_output, allow_unused=True)
        return dfdx, dfdw


class Net(nn.Module):
    def __init__(self, slots=6, hidden=24):
        super(Net, self).__init__()
        self.embed = nn.Linear(slots, hidden)
        self.w = nn.Parameter(torch.randn(hidden, hidden) / hidden ** 0.5)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        x = torch.relu(self.embed(x))
        x = func.apply(x, self.w)
        return self.out(x)


def main():
    net = Net()
    data = torch.randn(256, 6)
    gt = (data[:, :3].prod(1) + data[:, 3:].sum(1)).unsqueeze(1)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for epoch in range(300):
        idx = torch.randint(0, 256, (64,))
        loss = ((net(data[idx]) - gt[idx]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch % 50 == 0:
            print("epoch", epoch, "loss %.4f" % loss.item())


main()
