import math

import torch
import torch.nn as nn

torch.manual_seed(3)
VOCAB, EMB, BPTT, BATCH = 30, 48, 20, 16

table = torch.softmax(torch.randn(VOCAB, VOCAB) * 2.5, dim=1)


def make_stream(n):
    out = [torch.randint(0, VOCAB, ()).item()]
    for _ in range(n - 1):
        out.append(torch.multinomial(table[out[-1]], 1).item())
    return torch.tensor(out)


def batchify(data, bsz):
    n = data.size(0) // bsz
    return data[: n * bsz].view(bsz, -1).t().contiguous()


class RNNModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.1)
        self.encoder = nn.Embedding(VOCAB, EMB)
        self.rnn = nn.LSTM(EMB, EMB)
        self.decoder = nn.Linear(EMB, VOCAB)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, x, hidden):
        out, hidden = self.rnn(self.drop(self.encoder(x)), hidden)
        return self.decoder(self.drop(out)).view(-1, VOCAB), hidden

    def init_hidden(self, bsz):
        return torch.zeros(1, bsz, EMB), torch.zeros(1, bsz, EMB)


def repackage_hidden(h):
    return tuple(v.detach() for v in h)


def get_batch(source, i):
    length = min(BPTT, len(source) - 1 - i)
    return source[i:i + length], source[i + 1:i + 1 + length].view(-1)


train_data = batchify(make_stream(6000), BATCH)
val_data = batchify(make_stream(1500), BATCH)
model, criterion = RNNModel(), nn.CrossEntropyLoss()
lr, best_val = 8.0, None


def evaluate():
    model.eval()
    total, hidden = 0.0, model.init_hidden(BATCH)
    with torch.no_grad():
        for i in range(0, len(val_data) - 1, BPTT):
            data, targets = get_batch(val_data, i)
            output, hidden = model(data, hidden)
            total += len(data) * criterion(output, targets).item()
    return total / (len(val_data) - 1)


for epoch in range(12):
    model.train()
    hidden = model.init_hidden(BATCH)
    for i in range(0, len(train_data) - 1, BPTT):
        data, targets = get_batch(train_data, i)
        model.zero_grad()
        hidden = repackage_hidden(hidden)
        output, hidden = model(data, hidden)
        loss = criterion(output, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
    val = evaluate()
    print(f"epoch {epoch} lr {lr:.2f} valid loss {val:.3f} ppl {math.exp(val):.2f}")
    if best_val is None or val < best_val:
        best_val = val
    else:
        lr /= 4.0
