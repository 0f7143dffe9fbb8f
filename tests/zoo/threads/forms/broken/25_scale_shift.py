import torch
from torch import nn

torch.manual_seed(0)


class ScaleShift(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gain, shift):
        ctx.save_for_backward(gain)
        return torch.einsum("bcn,c->bcn", x, gain) + shift.view(1, -1, 1)

    @staticmethod
    def backward(ctx, grad_output):
        (gain,) = ctx.saved_tensors
        grad_x = torch.einsum("bcn,c->bcn", grad_output, gain)
        grad_shift = grad_output.sum(dim=(0, 2))
        return grad_x, None, grad_shift


class ChannelAffine(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return ScaleShift.apply(x, self.gain, self.shift)


class Mixer(nn.Module):
    """Fixed filters, learned gains: a small equaliser."""

    def __init__(self, bands, taps):
        super().__init__()
        n = torch.arange(taps) - taps // 2
        freq = torch.linspace(0.05, 0.45, bands)
        bank = torch.cos(6.2832 * freq[:, None] * n) * torch.hann_window(taps) / taps * 4
        self.register_buffer("bank", bank.unsqueeze(1))
        self.affine = ChannelAffine(bands)

    def forward(self, signal):
        bands = nn.functional.conv1d(signal.unsqueeze(1), self.bank)
        return self.affine(bands).sum(dim=1)


wanted = torch.tensor([0.2, 1.5, -0.7, 1.0, 0.4])
truth = Mixer(5, 33)
truth.affine.gain.data.copy_(wanted)
truth.requires_grad_(False)

model = Mixer(5, 33)
optim = torch.optim.Adam(model.parameters(), lr=2e-2)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optim, T_max=200)
for step in range(200):
    signal = torch.randn(16, 160)
    loss = nn.functional.mse_loss(model(signal), truth(signal))
    optim.zero_grad()
    loss.backward()
    optim.step()
    sched.step()
    if step % 40 == 0:
        print(f"{step} loss {loss.item():.5f}", [round(g, 2) for g in model.affine.gain.tolist()])
print("wanted gains", wanted.tolist())
