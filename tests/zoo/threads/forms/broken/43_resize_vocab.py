import torch
from torch import nn

torch.manual_seed(0)


class TinyLM(nn.Module):
    """Input and output embedding share one matrix."""

    def __init__(self, vocab, dim=24):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        nn.init.normal_(self.embed.weight, std=0.2)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.out = nn.Linear(dim, vocab, bias=False)
        self.tie()

    def tie(self):
        self.out.weight = self.embed.weight

    def resize_tokens(self, vocab):
        old = self.embed.weight.data
        extra = old.mean(0, keepdim=True).repeat(vocab - len(old), 1)
        grown = torch.cat([old, extra + 0.02 * torch.randn_like(extra)])
        self.embed = nn.Embedding.from_pretrained(grown, freeze=False)
        self.out = nn.Linear(old.size(1), vocab, bias=False)
        self.out.weight.data.copy_(grown)

    def forward(self, ids):
        return self.out(self.rnn(self.embed(ids))[0])


def corpus(n, vocab, length=14):
    start = torch.randint(vocab, (n, 1))
    stride = torch.randint(1, 3, (n, 1))
    return (start + stride * torch.arange(length)) % vocab


def train(model, vocab, steps):
    optim = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(steps):
        ids = corpus(32, vocab)
        logits = model(ids[:, :-1])
        loss = nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:])
        optim.zero_grad()
        loss.backward()
        optim.step()
    drift = (model.out.weight - model.embed.weight).norm().item()
    print(f"vocab {vocab} loss {loss.item():.3f} drift {drift:.3f} parameters {sum(p.numel() for p in model.parameters())}")


model = TinyLM(12)
train(model, 12, 100)
model.resize_tokens(16)
train(model, 16, 100)
