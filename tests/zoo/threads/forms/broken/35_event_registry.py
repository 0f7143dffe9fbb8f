import collections
import torch
from torch import nn

torch.manual_seed(0)


class Engine:
    def __init__(self):
        self.handlers = collections.defaultdict(list)
        self.state = {}

    def on(self, event):
        def register(fn):
            self.handlers[event].append(fn)
            return fn
        return register

    def fire(self, event):
        for fn in self.handlers[event]:
            fn(self.state)

    def run(self, batches, epochs):
        for epoch in range(epochs):
            self.state["epoch"] = epoch
            self.fire("epoch_start")
            for batch in batches():
                self.state["batch"] = batch
                self.fire("batch_start")
                self.fire("compute")
                self.fire("batch_end")
            self.fire("epoch_end")


class TextNet(nn.Module):
    def __init__(self, vocab=30):
        super().__init__()
        self.bag = nn.EmbeddingBag(vocab, 24, mode="mean")
        self.out = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, ids):
        return self.out(self.bag(ids))


topic = torch.randint(3, (30,))


def batches(n=25):
    for _ in range(n):
        ids = torch.randint(30, (32, 9))
        votes = nn.functional.one_hot(topic[ids], 3).sum(1)
        yield ids, votes.argmax(1)


model = TextNet()
optim = torch.optim.SGD(model.parameters(), lr=0.3)
engine = Engine()


@engine.on("batch_begin")
def clear(state):
    optim.zero_grad(set_to_none=False)


@engine.on("compute")
def forward_backward(state):
    ids, y = state["batch"]
    loss = nn.functional.cross_entropy(model(ids), y)
    loss.backward()
    state.setdefault("losses", []).append(loss.item())


@engine.on("batch_end")
def update(state):
    optim.step()


@engine.on("epoch_end")
def report(state):
    norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
    print("epoch", state["epoch"], "loss", sum(state["losses"][-25:]) / 25, "grad norm", norm.item())


engine.run(batches, epochs=8)
