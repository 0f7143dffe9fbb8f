import torch
import torch.nn as nn

torch.manual_seed(14)


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp=24, nhid=24, tie_weights=True):
        super().__init__()
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.LSTM(ninp, nhid, 1)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, x, hidden):
        out, hidden = self.rnn(self.encoder(x), hidden)
        return self.decoder(out), hidden

    def init_hidden(self, bsz):
        w = next(self.parameters())
        return w.new_zeros(1, bsz, 24), w.new_zeros(1, bsz, 24)


def repackage_hidden(h):
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    return data[:nbatch * bsz].view(bsz, -1).t().contiguous()


trans = torch.softmax(3 * torch.randn(15, 15), 1)
seq = [0]
for _ in range(3999):
    seq.append(int(torch.multinomial(trans[seq[-1]], 1)))
train_data = batchify(torch.tensor(seq), 10)
bptt = 10
model = RNNModel(15)
criterion = nn.CrossEntropyLoss()
lr = 5.0

for epoch in range(5):
    hidden = model.init_hidden(10)
    total = 0.0
    steps = list(range(0, train_data.size(0) - 1, bptt))
    for i in steps:
        n = min(bptt, train_data.size(0) - 1 - i)
        data, targets = train_data[i:i + n], train_data[i + 1:i + 1 + n].reshape(-1)
        hidden = repackage_hidden(hidden)
        model.zero_grad()
        output, hidden = model(data, hidden)
        loss = criterion(output.view(-1, 15), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
        total += loss.item()
    print("epoch %d loss %.4f" % (epoch, total / len(steps)))
