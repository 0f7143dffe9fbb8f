import torch
from torch import nn

torch.manual_seed(0)


class StaticScaler:
    def __init__(self, scale=2.0 ** 12):
        self.value = scale

    def scale(self, loss):
        return loss * self.value

    def unscale_(self, optimizer):
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad.div_(self.value)

    def step(self, optimizer):
        finite = all(torch.isfinite(p.grad).all() for g in optimizer.param_groups for p in g["params"])
        if finite:
            optimizer.step()
        return finite


class CharTagger(nn.Module):
    def __init__(self, vocab, tags, dim=24):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * dim, tags)

    def forward(self, ids):
        return self.out(self.rnn(self.embed(ids))[0])


def tagged(n, length=10):
    ids = torch.randint(8, (n, length))
    left = nn.functional.pad(ids, (1, 0))[:, :-1]
    return ids, (ids > left).long()


class Loop:
    def __init__(self, model, lr, max_norm):
        self.model, self.max_norm = model, max_norm
        self.optim = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        self.scaler = StaticScaler()

    def step(self, ids, tags):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = self.model(ids)
        loss = nn.functional.cross_entropy(logits.float().flatten(0, 1), tags.flatten())
        self.optim.zero_grad()
        self.scaler.scale(loss).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm)
        self.scaler.unscale_(self.optim)
        self.scaler.step(self.optim)
        return loss.item()


loop = Loop(CharTagger(8, 2), lr=0.2, max_norm=1.0)
for step in range(120):
    loss = loop.step(*tagged(32))
    if step % 20 == 0:
        print(step, round(loss, 4))
