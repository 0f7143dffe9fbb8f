# Parameters without a shape until the first batch, in optimizers of every order.
import torch

model = torch.nn.Sequential(torch.nn.LazyConv1d(4, 3), torch.nn.LazyBatchNorm1d(), torch.nn.ReLU(), torch.nn.Flatten())
head = torch.nn.LazyLinear(2)
optimizer = torch.optim.SGD([*model.parameters(), *head.parameters()], lr=0.1)
for _ in range(4):
    loss = head(model(torch.randn(5, 3, 8))).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(type(model[0]).__name__, head.weight.tolist(), model[1].running_mean.tolist())
