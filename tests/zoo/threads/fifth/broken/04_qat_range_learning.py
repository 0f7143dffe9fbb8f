import torch
import torch.nn as nn
import torch.nn.functional as F


class FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale, zero_point, qmin, qmax):
        q = torch.round(x / scale + zero_point)
        ctx.save_for_backward((q >= qmin) & (q <= qmax))
        return (q.clamp(qmin, qmax) - zero_point) * scale

    @staticmethod
    def backward(ctx, grad_output):
        (mask,) = ctx.saved_tensors
        return grad_output * mask, None, None, None, None


class IntFakeQuantizer(nn.Module):
    def __init__(self, n_rows, bits=4, range_learning=True):
        super().__init__()
        self.qmin, self.qmax = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        self.range_learning = range_learning
        self.scale = nn.Parameter(torch.ones(n_rows, 1), requires_grad=range_learning)
        self.zero_point = nn.Parameter(torch.zeros(n_rows, 1), requires_grad=range_learning)

    @torch.no_grad()
    def init_range(self, w):
        self.scale.copy_(w.abs().amax(dim=1, keepdim=True) / self.qmax * 4.0)

    def forward(self, x):
        return FakeQuantize.apply(x, self.scale, self.zero_point, self.qmin, self.qmax)


class FakeQuantLinear(nn.Linear):
    def __init__(self, d_in, d_out):
        super().__init__(d_in, d_out)
        self.weight_quantizer = IntFakeQuantizer(d_out)

    def forward(self, x):
        return F.linear(x, self.weight_quantizer(self.weight), self.bias)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = FakeQuantLinear(16, 64)
        self.fc2 = FakeQuantLinear(64, 8)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


def prepare_qat(fp_state):
    model = Net()
    model.load_state_dict(fp_state, strict=False)
    for m in model.modules():
        if isinstance(m, FakeQuantLinear):
            m.weight_quantizer.init_range(m.weight)
    return model


def main():
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 8))
    fp_state = {"fc1.weight": teacher[0].weight, "fc1.bias": teacher[0].bias,
                "fc2.weight": teacher[2].weight, "fc2.bias": teacher[2].bias}
    model = prepare_qat(fp_state)
    start = {n: p.detach().clone() for n, p in model.named_parameters()}
    groups = [
        {"params": [p for n, p in model.named_parameters() if "quantizer" in n], "lr": 2e-3},
        {"params": [p for n, p in model.named_parameters() if "quantizer" not in n], "lr": 1e-4},
    ]
    opt = torch.optim.Adam(groups)
    for step in range(400):
        x = torch.randn(128, 16)
        with torch.no_grad():
            y = teacher(x)
        loss = F.mse_loss(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 80 == 0:
            print(f"step {step:4d} loss {loss.item():.5f}")
    print(f"final loss {loss.item():.5f}")
    for n, p in model.named_parameters():
        print(f"{n:28s} moved {(p - start[n]).abs().max().item():.5f}")


if __name__ == "__main__":
    main()
