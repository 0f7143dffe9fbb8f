from dataclasses import dataclass
import torch
from torch import nn

torch.manual_seed(0)


@dataclass
class CausalOutput:
    loss: torch.Tensor
    logits: torch.Tensor


class CausalLM(nn.Module):
    def __init__(self, vocab, dim=32):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.rnn = nn.LSTM(dim, dim, batch_first=True)
        self.head = nn.Linear(dim, vocab)

    def forward(self, input_ids, labels=None):
        logits = self.head(self.rnn(self.embed(input_ids))[0])
        loss = None
        if labels is not None:
            ahead = logits[:, :-1]
            goal = labels[:, 1:]
            loss = nn.functional.cross_entropy(ahead.flatten(0, 1), goal.flatten())
        return CausalOutput(loss, logits)

    @torch.no_grad()
    def generate(self, ids, count):
        for _ in range(count):
            ids = torch.cat([ids, self(ids).logits[:, -1:].argmax(-1)], dim=1)
        return ids


def counting(n, vocab=10, length=14):
    start = torch.randint(vocab, (n, 1))
    return (start + torch.arange(length)) % vocab


def collate(ids):
    return {"input_ids": ids[:, :-1], "labels": ids[:, 1:]}


model = CausalLM(10)
optim = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(150):
    out = model(**collate(counting(32)))
    optim.zero_grad()
    out.loss.backward()
    optim.step()
    if step % 30 == 0:
        print(step, round(out.loss.item(), 4))
print("prompt 3 4 5 goes on as", model.generate(torch.tensor([[3, 4, 5]]), 6)[0].tolist())
