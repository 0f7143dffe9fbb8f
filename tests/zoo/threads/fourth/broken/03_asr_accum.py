import logging
import torch
import torch.nn as nn

torch.manual_seed(3)
logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")


class Frontend(nn.Module):
    def __init__(self, n_fft=32, n_mels=12):
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer('mel', torch.rand(n_fft // 2 + 1, n_mels))
        self.scale = nn.Parameter(torch.ones(n_mels))

    def forward(self, wav):
        spec = torch.stft(wav, self.n_fft, hop_length=16, window=torch.hann_window(self.n_fft), return_complex=True)
        power = spec.real ** 2 + spec.imag ** 2
        return torch.log(power.transpose(1, 2) @ self.mel) * self.scale


class ASRModel(nn.Module):
    def __init__(self, vocab=6):
        super().__init__()
        self.frontend = Frontend()
        self.encoder = nn.GRU(12, 32, batch_first=True)
        self.ctc_lo = nn.Linear(32, vocab)

    def forward(self, wav, text):
        feats = self.frontend(wav)
        hs, _ = self.encoder(feats)
        return nn.functional.cross_entropy(self.ctc_lo(hs.mean(1)), text)


def make_batches(n):
    batches = []
    for i in range(n):
        text = torch.randint(0, 6, (8,))
        t = torch.arange(320) / 320.0
        wav = torch.sin(2 * 3.14159 * (8 + 12 * text[:, None].float()) * t) + 0.05 * torch.randn(8, 320)
        if i == 13:
            wav[2] = 0.0
        batches.append((wav, text))
    return batches


model = ASRModel()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / 5))
accum_grad, grad_clip = 2, 5.0
batches = make_batches(24)

for epoch in range(4):
    model.train()
    optimizer.zero_grad()
    losses = []
    for iiter, (wav, text) in enumerate(batches, 1):
        loss = model(wav, text)
        losses.append(loss.item())
        (loss / accum_grad).backward()
        if iiter % accum_grad == 0:
            grad_norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=grad_clip)
            if not torch.isfinite(grad_norm):
                logging.warning("The grad norm is %s. Skipping updating the model.", grad_norm.item())
            else:
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
    good = [v for v in losses if v == v]
    print("epoch %d loss %.4f" % (epoch + 1, sum(good) / len(good)))
