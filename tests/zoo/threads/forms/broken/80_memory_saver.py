import torch
from torch import nn

torch.manual_seed(0)


class Callback:
    def after_backward(self, loop): ...

    def after_step(self, loop): ...


class GradientNorm(Callback):
    def __init__(self):
        self.values = []

    def after_backward(self, loop):
        norms = [p.grad.norm() for p in loop.model.parameters() if p.grad is not None]
        self.values.append(torch.stack(norms).norm().item())


class FreeMemory(Callback):
    """Gradients take as much room as the weights: let go of them as soon as they are not needed."""

    def after_backward(self, loop):
        loop.model.zero_grad(set_to_none=True)


class Loop:
    def __init__(self, model, callbacks, lr):
        self.model, self.callbacks = model, callbacks
        self.optim = torch.optim.AdamW(model.parameters(), lr=lr)

    def emit(self, event):
        for callback in self.callbacks:
            getattr(callback, event)(self)

    def step(self, ids, y):
        loss = nn.functional.binary_cross_entropy_with_logits(self.model(ids).squeeze(-1), y)
        loss.backward()
        self.emit("after_backward")
        self.optim.step()
        self.emit("after_step")
        return loss.item()


class Bag(nn.Module):
    def __init__(self, vocab, dim):
        super().__init__()
        self.table = nn.EmbeddingBag(vocab, dim, mode="sum")
        self.out = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 16), nn.GELU(), nn.Linear(16, 1))

    def forward(self, ids):
        return self.out(self.table(ids))


good = torch.rand(40) < 0.5


def reviews(n):
    ids = torch.randint(40, (n, 7))
    return ids, (good[ids].sum(1) > 3).float()


norms = GradientNorm()
loop = Loop(Bag(40, 16), [norms, FreeMemory()], lr=1e-2)
for step in range(150):
    loss = loop.step(*reviews(32))
    if step % 30 == 0:
        print(step, f"loss {loss:.3f} gradient norm {norms.values[-1]:.3f}")
