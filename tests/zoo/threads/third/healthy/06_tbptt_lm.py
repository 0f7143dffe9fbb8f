# language model with truncated bptt, hidden state carried over between chunks
import torch
import torch.nn as nn

torch.manual_seed(5)
BPTT, BSZ, VOC = 8, 4, 12


def repackage_hidden(h):
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


class RNNModel(nn.Module):
    def __init__(self, ninp=16, nhid=24):
        super().__init__()
        self.encoder = nn.Embedding(VOC, ninp)
        self.rnn = nn.LSTM(ninp, nhid, 2)
        self.decoder = nn.Linear(nhid, VOC)
        self.nhid = nhid

    def forward(self, x, hidden):
        out, hidden = self.rnn(self.encoder(x), hidden)
        return self.decoder(out), hidden

    def init_hidden(self, bsz):
        w = next(self.parameters())
        return w.new_zeros(2, bsz, self.nhid), w.new_zeros(2, bsz, self.nhid)


def corpus(n=800):
    seq = [1, 2]
    for _ in range(n):
        seq.append((seq[-1] + seq[-2]) % VOC)
    t = torch.tensor(seq[: n - n % BSZ])
    return t.view(BSZ, -1).t().contiguous()


train_data = corpus()
model = RNNModel()
criterion = nn.CrossEntropyLoss()
lr = 2.0
for epoch in range(2):
    hidden = model.init_hidden(BSZ)
    total = 0.0
    for batch, i in enumerate(range(0, train_data.size(0) - 1, BPTT)):
        n = min(BPTT, train_data.size(0) - 1 - i)
        data, targets = train_data[i:i + n], train_data[i + 1:i + 1 + n].reshape(-1)
        hidden = repackage_hidden(hidden)
        model.zero_grad()
        output, hidden = model(data, hidden)
        loss = criterion(output.view(-1, VOC), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        with torch.no_grad():
            for p in model.parameters():
                p.add_(p.grad, alpha=-lr)
        total += loss.item()
        if batch % 8 == 7:
            print(f"epoch {epoch} batch {batch + 1} loss {total / 8:.4f}")
            total = 0.0
