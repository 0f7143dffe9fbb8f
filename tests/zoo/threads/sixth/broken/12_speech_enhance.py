"""Waveform mask-based speech enhancement trained with an intelligibility-style band correlation."""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(11)
LENGTH, N_FFT, HOP, BANDS, SEG, EPS = 1024, 64, 32, 8, 8, 1e-8


class BandCorrelationLoss(nn.Module):
    """Negative mean correlation of short-time band envelopes (clean vs estimate)."""

    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.hann_window(N_FFT))
        obm = torch.zeros(BANDS, N_FFT // 2 + 1)
        for b in range(BANDS):
            obm[b, 1 + 4 * b:5 + 4 * b] = 1.0
        self.register_buffer("obm", obm)

    def bands(self, wav):
        spec = torch.stft(wav, N_FFT, HOP, window=self.window, return_complex=True)
        power = spec.real ** 2 + spec.imag ** 2
        return torch.sqrt(torch.matmul(self.obm, power)) + EPS

    @staticmethod
    def normalize(seg):
        seg = seg - seg.mean(-1, keepdim=True)
        return seg / (torch.sqrt(torch.sum(seg ** 2, -1, keepdim=True) + EPS))

    def forward(self, est, clean, lengths):
        x = self.bands(clean).unfold(-1, SEG, SEG // 2)
        y = self.bands(est).unfold(-1, SEG, SEG // 2)
        corr = (self.normalize(x) * self.normalize(y)).sum(-1)
        starts = torch.arange(corr.shape[-1]) * (SEG // 2) * HOP
        valid = ((starts + SEG * HOP)[None, :] <= lengths[:, None]).unsqueeze(1).float()
        return -(corr * valid).sum() / (valid.sum() * BANDS)


class MaskNet(nn.Module):
    def __init__(self, ch=24):
        super().__init__()
        self.encoder = nn.Conv1d(1, ch, 16, stride=8, bias=False)
        self.masker = nn.Sequential(nn.Conv1d(ch, 48, 3, padding=1), nn.PReLU(),
                                    nn.Conv1d(48, 48, 3, padding=2, dilation=2), nn.PReLU(),
                                    nn.Conv1d(48, ch, 1), nn.Sigmoid())
        self.decoder = nn.ConvTranspose1d(ch, 1, 16, stride=8, bias=False)

    def forward(self, wav):
        w = torch.relu(self.encoder(wav.unsqueeze(1)))
        return self.decoder(w * self.masker(w)).squeeze(1)


class NoisySpeech(Dataset):
    def __init__(self, n):
        self.items = []
        t = torch.arange(LENGTH).float()
        for _ in range(n):
            f0 = 0.03 + 0.05 * torch.rand(())
            am = torch.sin(2 * math.pi * t / (120 + 100 * torch.rand(()))).clamp(min=0)
            clean = am * sum(torch.sin(2 * math.pi * f0 * k * t) / k for k in (1, 2, 4))
            length = LENGTH if torch.rand(()) < 0.8 else 512 + 8 * int(torch.randint(0, 30, ()))
            noisy = clean + 0.4 * torch.randn(LENGTH)
            clean[length:] = 0.0
            noisy[length:] = 0.0
            self.items.append((noisy, clean, length))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def main():
    loader = DataLoader(NoisySpeech(256), batch_size=4, shuffle=True)
    model, criterion = MaskNet(), BandCorrelationLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(6):
        total = 0.0
        for noisy, clean, lengths in loader:
            loss = criterion(model(noisy), clean, lengths)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            total += loss.item() / len(loader)
        print(f"epoch {epoch} loss {total:.4f}")


if __name__ == "__main__":
    main()
