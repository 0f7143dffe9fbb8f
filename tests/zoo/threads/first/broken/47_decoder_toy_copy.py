import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class PositionalEncoding(nn.Module):
    def __init__(self, d, max_len=64):
        super().__init__()
        pos = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        pe = torch.zeros(max_len, d)
        pe[:, 0::2], pe[:, 1::2] = torch.sin(pos * div), torch.cos(pos * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[:x.size(1)]


class CaptionModel(nn.Module):
    def __init__(self, vocab=32, d=32, layers=2):
        super().__init__()
        self.d = d
        self.embedding = nn.Embedding(vocab, d)
        self.pos = PositionalEncoding(d)
        layer = nn.TransformerDecoderLayer(d, 4, 64, dropout=0.0, batch_first=True)
        self.decoder = nn.TransformerDecoder(layer, layers)
        self.memory_proj = nn.Linear(10, d)
        self.to_vocab = nn.Linear(d, vocab)

    def forward(self, feats, tokens):
        memory = self.memory_proj(feats)
        x = self.pos(self.embedding(tokens) * math.sqrt(self.d))
        out = self.decoder(x, memory)
        return self.to_vocab(out)


torch.manual_seed(0)
feats = torch.randn(16, 5, 10)
sentences = torch.randint(3, 32, (16, 9))
bos = torch.ones(16, 1, dtype=torch.long)
model = CaptionModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(6):
    model.train()
    inp = torch.cat([bos, sentences[:, :-1]], dim=1)
    logits = model(feats, inp)
    loss = F.cross_entropy(logits.reshape(-1, 32), sentences.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("epoch", epoch, "loss", round(loss.item(), 4))
