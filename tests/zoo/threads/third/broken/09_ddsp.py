"""Harmonic synth controlled by pitch and loudness, a cut down DDSP decoder."""
import math
import torch
import torch.nn as nn

torch.manual_seed(11)
SR, FRAMES, HOP = 4000, 20, 32


def mlp(in_size, hidden_size, n_layers):
    channels = [in_size] + n_layers * [hidden_size]
    net = []
    for i in range(n_layers):
        net += [nn.Linear(channels[i], channels[i + 1]), nn.LayerNorm(channels[i + 1]), nn.LeakyReLU()]
    return nn.Sequential(*net)


def gru(n_input, hidden_size):
    return nn.GRU(n_input * hidden_size, hidden_size, batch_first=True)


def harmonic_synth(pitch, amps):
    pitch = pitch.repeat_interleave(HOP, dim=1)
    amps = amps.repeat_interleave(HOP, dim=1)
    omega = torch.cumsum(2 * math.pi * pitch / SR, 1)
    k = torch.arange(1, amps.shape[-1] + 1)
    return (torch.sin(omega * k) * amps).sum(-1)


class DDSP(nn.Module):
    def __init__(self, hidden_size=32, n_harmonic=8):
        super().__init__()
        self.in_mlps = nn.ModuleList([mlp(1, hidden_size, 3)] * 2)
        self.gru = gru(2, hidden_size)
        self.out_mlp = mlp(hidden_size + 2, hidden_size, 2)
        self.proj = nn.Linear(hidden_size, n_harmonic + 1)

    def forward(self, pitch, loudness):
        hidden = torch.cat([self.in_mlps[0](pitch / 400), self.in_mlps[1](loudness)], -1)
        hidden = torch.cat([self.gru(hidden)[0], pitch / 400, loudness], -1)
        param = self.proj(self.out_mlp(hidden))
        total = torch.sigmoid(param[..., :1])
        dist = param[..., 1:].softmax(-1)
        return harmonic_synth(pitch, total * dist)


def batch(b=6):
    pitch = 150 + 200 * torch.rand(b, 1, 1).expand(b, FRAMES, 1).contiguous()
    loud = torch.linspace(1, 0, FRAMES).view(1, -1, 1) * torch.rand(b, 1, 1)
    k = torch.arange(1, 9)
    amps = loud * torch.exp(-k / (1 + pitch / 150)) * 0.8
    return pitch, loud, harmonic_synth(pitch, amps)


def spectral_loss(a, b):
    win = torch.hann_window(128)
    A, B = (torch.stft(x, 128, 64, window=win, return_complex=True).abs() for x in (a, b))
    return (A - B).abs().mean()


model = DDSP()
print("trainable", sum(p.numel() for p in model.parameters() if p.requires_grad))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(20):
    pitch, loud, target = batch()
    loss = spectral_loss(model(pitch, loud), target)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 5 == 0:
        print(step, round(loss.item(), 4))
