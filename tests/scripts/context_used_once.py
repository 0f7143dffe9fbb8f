# A Function that uses up what it keeps: a second backward pass finds nothing.
import torch


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.kept = [x.detach().clone()]
        return x.square()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2 * ctx.kept.pop()


model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(4):
    loss = Once.apply(model(torch.randn(5, 4))).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(model.weight.tolist())
