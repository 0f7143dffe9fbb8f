import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(31)


class GradientReversalLayer(nn.Module):
    def __init__(self, lambda_reversal=1.0):
        super().__init__()
        self.lambda_reversal = lambda_reversal

    def forward(self, x):
        return x

    def backward(self, grad_output):
        return -self.lambda_reversal * grad_output


class TextEncoder(nn.Module):
    def __init__(self, n_symbols=16, dim=32):
        super().__init__()
        self.embedding = nn.Embedding(n_symbols, dim)
        self.lstm = nn.LSTM(dim, dim // 2, batch_first=True, bidirectional=True)

    def forward(self, text):
        out, _ = self.lstm(self.embedding(text))
        return out


class SpeakerClassifier(nn.Module):
    def __init__(self, dim, n_speakers):
        super().__init__()
        self.grl = GradientReversalLayer(0.5)
        self.net = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, n_speakers))

    def forward(self, enc):
        return self.net(self.grl(enc.mean(1)))


class Tacotron(nn.Module):
    def __init__(self, n_speakers=3, n_mel=8):
        super().__init__()
        self.encoder = TextEncoder()
        self.speaker_embedding = nn.Embedding(n_speakers, 8)
        self.decoder = nn.GRU(32 + 8, 32, batch_first=True)
        self.mel = nn.Linear(32, n_mel)
        self.residual_encoder = SpeakerClassifier(32, n_speakers)

    def forward(self, text, speaker):
        enc = self.encoder(text)
        spk = self.speaker_embedding(speaker).unsqueeze(1).expand(-1, text.size(1), -1)
        dec, _ = self.decoder(torch.cat([enc, spk], 2))
        return self.mel(dec), self.residual_encoder(enc)


symbol_mel, speaker_mel = torch.randn(16, 8), torch.randn(3, 8)


def batch(n=32, t=8):
    speaker = torch.randint(0, 3, (n,))
    text = torch.randint(0, 16, (n, t))
    skew = torch.rand(n, t) < 0.35
    text = torch.where(skew, (5 * speaker[:, None] + 1).expand(n, t), text)
    mel = symbol_mel[text] + speaker_mel[speaker][:, None] + 0.1 * torch.randn(n, t, 8)
    return text, speaker, mel


model = Tacotron()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-6)
for it in range(151):
    text, speaker, mel = batch()
    mel_out, spk_logits = model(text, speaker)
    mel_loss = F.mse_loss(mel_out, mel)
    spk_loss = F.cross_entropy(spk_logits, speaker)
    loss = mel_loss + 0.2 * spk_loss
    model.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if it % 30 == 0:
        acc = (spk_logits.argmax(1) == speaker).float().mean().item()
        print("%d mel %.4f speaker ce %.4f speaker acc %.2f" % (it, mel_loss.item(), spk_loss.item(), acc))
