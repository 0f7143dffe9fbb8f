import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence

torch.manual_seed(4)

PAD, VOCAB, N_LABELS = 0, 400, 3
SIGNAL = torch.arange(1, 61).view(N_LABELS, 20)


def make_comment():
    length = int(torch.randint(4, 13, ()) if torch.rand(()) < 0.85 else torch.randint(60, 91, ()))
    words = torch.randint(61, VOCAB, (length,))
    labels = (torch.rand(N_LABELS) < 0.4).float()
    for k in range(N_LABELS):
        if labels[k]:
            words[torch.randint(0, length, ())] = SIGNAL[k, torch.randint(0, 20, ())]
    for k in range(N_LABELS):
        labels[k] = float(torch.isin(words, SIGNAL[k]).any())
    return words, labels


def batches(data, bs, shuffle=True):
    order = torch.randperm(len(data)) if shuffle else torch.arange(len(data))
    for idx in order.split(bs):
        seqs = [data[i][0] for i in idx]
        lengths = torch.tensor([len(s) for s in seqs])
        yield pad_sequence(seqs, padding_value=PAD), lengths, torch.stack([data[i][1] for i in idx])


class LSTMBaseline(nn.Module):
    def __init__(self, hidden=48, emb_dim=48, num_linear=1):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, emb_dim, padding_idx=PAD)
        self.encoder = nn.LSTM(emb_dim, hidden, num_layers=1)
        self.linear_layers = nn.ModuleList(
            [nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU()) for _ in range(num_linear)])
        self.predictor = nn.Linear(hidden, N_LABELS)

    def forward(self, seq, lengths):
        hdn, _ = self.encoder(self.embedding(seq))
        feature = hdn[-1, :, :]
        for layer in self.linear_layers:
            feature = layer(feature)
        return self.predictor(feature)


@torch.no_grad()
def evaluate(model, data):
    model.eval()
    hit = n = 0
    for seq, lengths, y in batches(data, 128, shuffle=False):
        pred = (model(seq, lengths) > 0).float()
        hit += (pred == y).float().sum().item()
        n += y.numel()
    model.train()
    return hit / n


train = [make_comment() for _ in range(2000)]
valid = [make_comment() for _ in range(300)]

model = LSTMBaseline()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
loss_func = nn.BCEWithLogitsLoss()

for epoch in range(1, 5):
    running = 0.0
    for seq, lengths, y in batches(train, 64):
        opt.zero_grad()
        loss = loss_func(model(seq, lengths), y)
        loss.backward()
        opt.step()
        running += loss.item() * y.size(0)
    print(f"Epoch: {epoch}, Training Loss: {running / len(train):.4f}, "
          f"Validation Acc: {evaluate(model, valid):.4f}")
