# backward() with a vector, by autograd.backward, of several losses, with inputs=, twice with retain_graph, and grad().
import torch

model = torch.nn.Linear(4, 3)
other = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD([*model.parameters(), *other.parameters()], lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    output = model(torch.randn(5, 4)).tanh()
    output.backward(gradient=torch.ones_like(output) / 5, retain_graph=True)
    torch.autograd.backward([other(output).square().mean(), output.mean()], retain_graph=True)
    (other(output) * 2).mean().backward(inputs=list(other.parameters()), retain_graph=True)
    penalty = torch.autograd.grad(other(output).sum(), output, create_graph=True)[0].square().mean()
    torch.autograd.backward(penalty, inputs=[other.weight])
    optimizer.step()
print(model.weight.tolist(), other.weight.tolist(), other.bias.grad.tolist())
