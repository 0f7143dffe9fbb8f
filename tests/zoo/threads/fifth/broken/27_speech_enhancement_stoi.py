import torch
import torch.nn as nn

EPS = 1e-8
SEG = 10


def third_octave_bands(n_freq, n_bands):
    edges = torch.linspace(0, n_freq, n_bands + 1).long()
    obm = torch.zeros(n_bands, n_freq)
    for b in range(n_bands):
        obm[b, edges[b]:edges[b + 1]] = 1.0
    return obm


class NegSTOILoss(nn.Module):
    def __init__(self, n_fft=64, hop=32, n_bands=8):
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.register_buffer("win", torch.hann_window(n_fft))
        self.register_buffer("obm", third_octave_bands(n_fft // 2 + 1, n_bands))

    def spec(self, wav):
        return torch.stft(wav, self.n_fft, self.hop, window=self.win, return_complex=True)

    def tob(self, wav):
        power = self.spec(wav).abs() ** 2
        return torch.sqrt(self.obm @ power) + EPS

    def meanvar_norm(self, x):
        x = x - x.mean(-1, keepdim=True)
        return x / (x.norm(dim=-1, keepdim=True) + EPS)

    def forward(self, est, target):
        x, y = self.tob(target), self.tob(est)
        xs, ys = x.unfold(-1, SEG, SEG), y.unfold(-1, SEG, SEG)
        gain = xs.norm(dim=-1, keepdim=True) / (ys.norm(dim=-1, keepdim=True) + EPS)
        ys = torch.min(ys * gain, xs * 5.6)
        corr = (self.meanvar_norm(ys) * self.meanvar_norm(xs)).sum(-1)
        return -corr.mean()


class Denoiser(nn.Module):
    def __init__(self, ch=16):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(1, ch, 9, padding=4), nn.PReLU(),
            nn.Conv1d(ch, ch, 9, padding=4), nn.PReLU(),
            nn.Conv1d(ch, 1, 9, padding=4))
        self.gate = nn.Sequential(nn.Conv1d(1, 4, 33, padding=16), nn.ReLU(), nn.Conv1d(4, 1, 1), nn.Hardsigmoid())

    def forward(self, wav):
        x = wav.unsqueeze(1)
        return (self.net(x) * self.gate(x)).squeeze(1)


def make_utterances(n, length=1600):
    t = torch.arange(length) / 800.0
    f0 = torch.rand(n, 1) * 40 + 40
    clean = sum(torch.sin(6.283 * f0 * k * t) / k for k in (1, 2, 3))
    env = (torch.sin(6.283 * (torch.rand(n, 1) + 0.5) * t) > -0.3).float()
    return clean * env * 0.3


def corrupt(clean):
    noisy = clean + 0.08 * torch.randn_like(clean)
    speech_end = torch.randint(1000, 1600, (len(clean),))
    keep = torch.arange(clean.size(1)) < speech_end.unsqueeze(1)
    return noisy * keep, clean * keep


def main():
    torch.manual_seed(0)
    model, stoi = Denoiser(), NegSTOILoss()
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(26):
        noisy, clean = corrupt(make_utterances(8))
        est = model(noisy) * (noisy != 0)
        loss = stoi(est, clean) + 10.0 * (est - clean).pow(2).mean()
        opt.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        opt.step()
        if step % 5 == 0:
            print(f"step {step:2d} loss {loss.item():.4f} grad norm {norm.item():.4f}")


if __name__ == "__main__":
    main()
