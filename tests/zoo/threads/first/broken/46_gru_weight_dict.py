import math

import torch
import torch.nn as nn


class CustomGRUCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        k = 1 / math.sqrt(hidden_size)
        self.hidden_size = hidden_size
        self.weights = {}
        for gate in ("r", "z", "n"):
            self.weights[f"w_i{gate}"] = nn.Parameter(torch.empty(input_size, hidden_size).uniform_(-k, k))
            self.weights[f"w_h{gate}"] = nn.Parameter(torch.empty(hidden_size, hidden_size).uniform_(-k, k))
        self.bias = nn.Parameter(torch.zeros(3, hidden_size))

    def forward(self, x, h):
        w, b = self.weights, self.bias
        r = torch.sigmoid(x @ w["w_ir"] + h @ w["w_hr"] + b[0])
        z = torch.sigmoid(x @ w["w_iz"] + h @ w["w_hz"] + b[1])
        n = torch.tanh(x @ w["w_in"] + r * (h @ w["w_hn"]) + b[2])
        return (1 - z) * n + z * h


class SentimentRNN(nn.Module):
    def __init__(self, vocab=40, emb=12, hidden=20):
        super().__init__()
        self.embedding = nn.Embedding(vocab, emb)
        self.cell = CustomGRUCell(emb, hidden)
        self.classifier = nn.Linear(hidden, 2)

    def forward(self, tokens):
        h = tokens.new_zeros(tokens.size(0), self.cell.hidden_size, dtype=torch.float32)
        for x in self.embedding(tokens).unbind(1):
            h = self.cell(x, h)
        return self.classifier(h)


torch.manual_seed(0)
model = SentimentRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
tokens = torch.randint(0, 40, (32, 9))
labels = (tokens[:, 0] > 20).long()
for epoch in range(5):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(tokens), labels)
    loss.backward()
    optimizer.step()
    print(epoch, f"{loss.item():.5f}")
