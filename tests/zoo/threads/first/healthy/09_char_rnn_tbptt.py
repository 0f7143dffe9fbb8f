import torch
import torch.nn as nn

text = "the quick brown fox jumps over the lazy dog and runs away from the hounds " * 6
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
torch.manual_seed(0)


class CharRNN(nn.Module):
    def __init__(self, vocab, d=32, hidden=48):
        super().__init__()
        self.encoder = nn.Embedding(vocab, d)
        self.rnn = nn.LSTM(d, hidden, num_layers=2, batch_first=True, dropout=0.1)
        self.decoder = nn.Linear(hidden, vocab)
        self.hidden_size = hidden

    def forward(self, x, hidden):
        out, hidden = self.rnn(self.encoder(x), hidden)
        return self.decoder(out), hidden

    def init_hidden(self, bsz):
        w = next(self.parameters())
        return w.new_zeros(2, bsz, self.hidden_size), w.new_zeros(2, bsz, self.hidden_size)


def repackage_hidden(h):
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


def batchify(data, bsz):
    n = data.size(0) // bsz
    return data[:n * bsz].view(bsz, n)


data = batchify(torch.tensor([stoi[c] for c in text]), 8)
model = CharRNN(len(chars))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=3e-3)
model.train()
hidden, bptt = model.init_hidden(8), 10
for i in range(0, data.size(1) - 1 - bptt, bptt):
    x, y = data[:, i:i + bptt], data[:, i + 1:i + 1 + bptt]
    hidden = repackage_hidden(hidden)
    optimizer.zero_grad()
    out, hidden = model(x, hidden)
    loss = criterion(out.reshape(-1, len(chars)), y.reshape(-1))
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
    optimizer.step()
    print(f"chunk {i // bptt} loss {loss.item():.4f}")
