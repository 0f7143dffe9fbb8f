import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(15)


class EmbedVector(nn.Module):
    """Predicts the predicate embedding from the question tokens."""

    def __init__(self, vocab=80, d_embed=24, d_hidden=16, target_size=12):
        super().__init__()
        self.embed = nn.Embedding(vocab, d_embed)
        self.lstm = nn.LSTM(d_embed, d_hidden, bidirectional=True)
        self.attn = nn.Sequential(
            nn.Linear(d_hidden * 2 + d_embed, d_hidden),
            nn.Tanh(),
            nn.Linear(d_hidden, 1, bias=False),
        )
        self.hidden2tag = nn.Sequential(
            nn.Linear(d_hidden * 2 + d_embed, d_hidden * 2),
            nn.ReLU(),
            nn.Linear(d_hidden * 2, target_size),
        )

    def forward(self, text):
        seq_len, batch = text.size()
        x = self.embed(text)
        outputs, _ = self.lstm(x)
        outputs = outputs.reshape(seq_len * batch, -1)
        x = x.reshape(seq_len * batch, -1)
        feats = torch.cat((x, outputs), 1)
        attn_weights = F.softmax(self.attn(feats), dim=1)
        weighted = (attn_weights * feats).view(seq_len, batch, -1)
        return torch.tanh(self.hidden2tag(weighted.sum(dim=0)))


question = torch.randint(0, 80, (10, 64))
predicate_table = torch.randn(80, 12) * 0.5
target = torch.tanh(predicate_table[question[0]])

model = EmbedVector()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-5)
criterion = nn.MSELoss()

for it in range(6):
    model.train()
    optimizer.zero_grad()
    scores = model(question)
    loss = criterion(scores, target)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.6)
    optimizer.step()
    print(f"iter {it} loss {loss.item():.5f}")
