# Autoencoders of text: the encoder reads both ways, all of it goes through one code, and the decoder reads backwards.
import torch
from torch import nn

F = nn.functional
LENGTH, WIDTH = 6, 8


class Autoencoder(nn.Module):
    def __init__(self, pooled):
        super().__init__()
        self.pooled = pooled
        self.letters = nn.Embedding(9, WIDTH)
        self.encode = nn.LSTM(WIDTH, WIDTH // 2, batch_first=True, bidirectional=True)
        self.attend = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.code, self.decode = nn.Linear(WIDTH, 5), nn.GRU(WIDTH + 5, WIDTH, batch_first=True)
        self.read = nn.Linear(WIDTH, 9)

    def forward(self, tokens):
        x = self.letters(tokens)
        if self.pooled:
            whole = self.attend(x, x, x)[0].mean(1)
        else:
            _, (last, _) = self.encode(x)
            whole = last.transpose(0, 1).flatten(1)
        code = self.code(whole).unsqueeze(1).expand(-1, tokens.size(1), -1)
        return self.read(self.decode(torch.cat([x, code], -1))[0])


models = nn.ModuleList([Autoencoder(True), Autoencoder(False)])
optimizers = [
    torch.optim.SGD([one for name, one in model.named_parameters() if unused not in name], lr=0.1)
    for model, unused in zip(models, ("encode", "attend"), strict=True)
]
for model, optimizer, unused in zip(models, optimizers, ("encode", "attend"), strict=True):
    getattr(model, unused).requires_grad_(False)
    for _ in range(2):
        text = torch.randint(0, 9, (4, LENGTH + 1))
        optimizer.zero_grad()
        F.cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten()).backward()
        optimizer.step()
