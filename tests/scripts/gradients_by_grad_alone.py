# No backward() at all: autograd.grad and an update by hand.
import torch

model = torch.nn.Linear(4, 3)
for _ in range(4):
    loss = model(torch.randn(5, 4)).square().mean()
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    with torch.no_grad():
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter -= 0.1 * gradient
print(model.weight.tolist(), all(parameter.grad is None for parameter in model.parameters()))
