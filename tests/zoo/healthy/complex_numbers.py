# expected: ok
# A spectral loss: stft, complex weights, magnitudes.
import torch
from torch import nn

filters = nn.Parameter(torch.randn(9, dtype=torch.cfloat))
gain = nn.Linear(16, 64)
wrt = {"filters": filters, "gain": gain}


def loss():
    sound = gain(torch.randn(2, 16))
    spectrum = torch.stft(sound, 16, window=torch.hann_window(16), return_complex=True)
    shaped = spectrum * filters[None, :, None]
    phase = torch.view_as_real(shaped)[..., 1].square().mean()
    return (shaped.abs() + 1e-5).log().abs().mean() + 0.1 * phase
