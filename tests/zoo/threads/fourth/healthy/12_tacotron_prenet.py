import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(11)


class Prenet(nn.Module):
    def __init__(self, in_dim, sizes):
        super().__init__()
        in_sizes = [in_dim] + sizes[:-1]
        self.layers = nn.ModuleList([nn.Linear(i, o, bias=False) for i, o in zip(in_sizes, sizes)])

    def forward(self, x):
        for linear in self.layers:
            x = F.dropout(F.relu(linear(x)), p=0.5, training=True)
        return x


class Decoder(nn.Module):
    def __init__(self, n_mel=8, n_sym=10):
        super().__init__()
        self.emb = nn.Embedding(n_sym, 32)
        self.prenet = Prenet(n_mel, [32, 32])
        self.rnn = nn.LSTM(64, 48, batch_first=True)
        self.linear = nn.Linear(48 + 32, n_mel)
        self.gate = nn.Linear(48, 1)

    def forward(self, text, mels):
        prev = torch.cat([torch.zeros_like(mels[:, :1]), mels[:, :-1]], 1)
        memory = self.emb(text)
        h, _ = self.rnn(torch.cat([self.prenet(prev), memory], 2))
        return self.linear(torch.cat([h, memory], 2)), self.gate(h).squeeze(2)


table = torch.randn(10, 8)


def batch(n=24, t=10):
    text = torch.randint(0, 10, (n, t))
    gate = torch.zeros(n, t)
    gate[:, -1] = 1
    return text, table[text] + 0.1 * torch.randn(n, t, 8), gate


model = Decoder()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-6)
for it in range(121):
    model.train()
    text, mel, gate = batch()
    out, gate_out = model(text, mel)
    loss = F.mse_loss(out, mel) + F.binary_cross_entropy_with_logits(gate_out, gate)
    model.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if it % 30 == 0:
        model.eval()
        with torch.no_grad():
            val = F.mse_loss(model(text, mel)[0], mel).item()
        print("iteration %d loss %.4f eval mel %.4f" % (it, loss.item(), val))
