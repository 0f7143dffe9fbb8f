import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(4)


class SAM(torch.optim.Optimizer):
    """Climbs to the worst nearby point, takes the gradient there, steps from the old point."""

    def __init__(self, params, lr=0.1, momentum=0.9, rho=0.05):
        super().__init__(params, dict(lr=lr, momentum=momentum, rho=rho))

    @torch.no_grad()
    def step(self, closure):
        closure = torch.enable_grad()(closure)
        loss = closure()
        every = [p for g in self.param_groups for p in g["params"] if p.grad is not None]
        norm = torch.stack([p.grad.norm() for p in every]).norm() + 1e-12
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                e = p.grad * (group["rho"] / norm)
                p.add_(e)
                self.state[p]["e"] = e
        closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                st = self.state[p]
                p.sub_(st.pop("e"))
                buf = st.setdefault("momentum", torch.zeros_like(p))
                buf.mul_(group["momentum"]).add_(p.grad)
                p.add_(buf, alpha=-group["lr"])
        return loss


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(20, 64), nn.LayerNorm(64), nn.GELU(), nn.Linear(64, 64), nn.LayerNorm(64), nn.GELU(),
            nn.Linear(64, 4),
        )

    def forward(self, x):
        return self.net(x)


rule = torch.randn(20, 4)
make = lambda n: (lambda x: (x, (x @ rule + 0.3 * torch.randn(n, 4)).argmax(1)))(torch.randn(n, 20))
x_train, y_train = make(800)
x_test, y_test = make(400)

model = Classifier()
optimizer = SAM(model.parameters(), lr=0.02, rho=0.05)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=8)

for epoch in range(8):
    losses = []
    for idx in torch.randperm(len(x_train)).split(50):
        xb, yb = x_train[idx], y_train[idx]

        def closure():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(xb), yb, label_smoothing=0.05)
            loss.backward()
            return loss

        losses.append(optimizer.step(closure).item())
    scheduler.step()
    with torch.no_grad():
        acc = (model(x_test).argmax(1) == y_test).float().mean().item()
    print(f"epoch {epoch}  loss {sum(losses) / len(losses):.4f}  test acc {acc:.3f}  lr {scheduler.get_last_lr()[0]:.4f}")
