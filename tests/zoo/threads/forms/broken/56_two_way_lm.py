import torch
from torch import nn

torch.manual_seed(0)


class NextSymbol(nn.Module):
    def __init__(self, vocab, dim=32):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.LayerNorm(2 * dim), nn.Linear(2 * dim, vocab))

    def forward(self, ids, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.embed(ids), lengths, batch_first=True, enforce_sorted=False)
        out, _ = nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=ids.size(1))
        return self.head(out)


transition = torch.softmax(2.0 * torch.randn(9, 9), dim=-1)


def chains(n, longest=16):
    ids = [torch.randint(9, (n,))]
    for _ in range(longest):
        ids.append(torch.multinomial(transition[ids[-1]], 1).squeeze(1))
    return torch.stack(ids, dim=1), torch.randint(6, longest + 1, (n,))


def masked_nll(logits, target, lengths):
    mask = torch.arange(target.size(1)) < lengths[:, None]
    nll = nn.functional.cross_entropy(logits.transpose(1, 2), target, reduction="none")
    return (nll * mask).sum() / mask.sum()


model = NextSymbol(9)
optim = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(150):
    ids, lengths = chains(32)
    loss = masked_nll(model(ids[:, :-1], lengths), ids[:, 1:], lengths)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 30 == 0:
        print(step, round(loss.item(), 3))

with torch.no_grad():
    ids, _ = chains(200)
    step_loss = []
    for t in range(4, 16):
        last = model(ids[:, :t], torch.full((200,), t))[:, -1]
        step_loss.append(nn.functional.cross_entropy(last, ids[:, t]).item())
    best = -(transition * transition.log()).sum(1).mean().item()
    print("one step at a time", sum(step_loss) / len(step_loss), "entropy of the source about", best)
