# retention time prediction from peptide sequences
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(1)
AA = "ACDEFGHIKLMNPQRSTVWY"
MAXLEN = 12


class RetentionLSTM(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(len(AA) + 1, 12, padding_idx=0)
        self.lstm = nn.LSTM(12, hidden, num_layers=1, batch_first=True, bidirectional=True)
        self.dense = nn.Linear(2 * hidden, 16)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        h, _ = self.lstm(self.embedding(x))
        h = F.relu(self.dense(h.mean(1)))
        return F.relu(self.out(h)).squeeze(-1)


def encode(seq):
    ids = [AA.index(c) + 1 for c in seq]
    return ids + [0] * (MAXLEN - len(ids))


hydrophobicity = torch.randn(len(AA) + 1)
hydrophobicity[0] = 0


def peptides(n):
    seqs = []
    for _ in range(n):
        length = int(torch.randint(6, MAXLEN + 1, (1,)))
        seqs.append("".join(AA[i] for i in torch.randint(0, len(AA), (length,)).tolist()))
    x = torch.tensor([encode(s) for s in seqs])
    y = torch.sigmoid(hydrophobicity[x].sum(1) / 3)
    return x, y


train_x, train_y = peptides(256)
val_x, val_y = peptides(64)
model = RetentionLSTM()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(6):
    model.train()
    perm = torch.randperm(len(train_x))
    running = 0.0
    for chunk in perm.split(32):
        pred = model(train_x[chunk])
        loss = F.mse_loss(pred, train_y[chunk])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    model.eval()
    with torch.no_grad():
        v = F.l1_loss(model(val_x), val_y)
    print(f"epoch {epoch} mse {running / 8:.4f} val mae {v.item():.4f}")
