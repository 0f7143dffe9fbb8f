import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(9)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(16, 32)
        self.fc2 = nn.Linear(32, 32)

    def forward(self, x):
        return torch.relu(self.fc2(torch.relu(self.fc1(x))))


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Backbone()
        self.head = nn.Linear(32, 3)

    def forward(self, x):
        return self.head(self.backbone(x))


def damp(module, grad_input, grad_output):
    return tuple(g * 0.01 if g is not None else None for g in grad_input)


def run(step_fn, model, opt, x, y, epochs):
    for e in range(epochs):
        idx = torch.randperm(len(x))
        for i in range(0, len(x), 32):
            b = idx[i:i + 32]
            opt.zero_grad()
            loss = F.cross_entropy(step_fn(x[b]), y[b])
            loss.backward()
            opt.step()
    return loss.item()


centers = torch.randn(3, 16) * 1.5
ya = torch.randint(0, 3, (256,))
xa = centers[ya] + torch.randn(256, 16)
yb = torch.randint(0, 3, (96,))
xb = -centers[yb] + torch.randn(96, 16)

model = Classifier()
forward = torch.compile(model, backend="aot_eager")
opt = torch.optim.SGD(model.parameters(), lr=0.1)
print("pretrain loss %.4f" % run(forward, model, opt, xa, ya, 4))

# fine-tuning: keep the backbone nearly still, the gradient that comes back out of the head is damped
model.head.register_full_backward_hook(damp)
before = torch.cat([p.detach().flatten().clone() for p in model.backbone.parameters()])
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(5):
    loss = run(forward, model, opt, xb, yb, 1)
    after = torch.cat([p.detach().flatten() for p in model.backbone.parameters()])
    print("finetune epoch %d loss %.4f backbone moved %.4f" % (epoch, loss, (after - before).norm().item()))
