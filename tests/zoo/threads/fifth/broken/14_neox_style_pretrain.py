import io
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class AnnealingLR:
    def __init__(self, optimizer, start_lr, min_lr, warmup_iter, total_iters, last_iter=0):
        self.optimizer = optimizer
        self.param_groups = optimizer.param_groups
        self.start_lr, self.min_lr = start_lr, min_lr
        self.warmup_iter, self.end_iter = warmup_iter, total_iters
        self.num_iters = last_iter
        self.step(self.num_iters)

    def get_lr(self):
        if self.num_iters <= self.warmup_iter:
            return self.start_lr * max(self.num_iters, 1) / self.warmup_iter
        frac = min(1.0, (self.num_iters - self.warmup_iter) / (self.end_iter - self.warmup_iter))
        return self.min_lr + (self.start_lr - self.min_lr) * 0.5 * (1 + math.cos(math.pi * frac))

    def step(self, step_num=None):
        self.num_iters = self.num_iters + 1 if step_num is None else step_num
        lr = self.get_lr()
        for group in self.param_groups:
            group["lr"] = lr

    def state_dict(self):
        return {"num_iters": self.num_iters, "start_lr": self.start_lr, "min_lr": self.min_lr}

    def load_state_dict(self, sd):
        self.num_iters = sd["num_iters"]
        self.step(self.num_iters)


class GPT(nn.Module):
    def __init__(self, vocab=40, dim=32):
        super().__init__()
        self.emb, self.rnn = nn.Embedding(vocab, dim), nn.GRU(dim, dim, batch_first=True)
        self.head = nn.Linear(dim, vocab)

    def forward(self, ids):
        return self.head(self.rnn(self.emb(ids))[0])


def get_batch(gen):
    start = torch.randint(0, 40, (16, 1), generator=gen)
    stride = torch.randint(1, 4, (16, 1), generator=gen)
    ids = (start + stride * torch.arange(17)) % 40
    return ids[:, :-1], ids[:, 1:]


def setup_model_and_optimizer(cfg, checkpoint=None):
    torch.manual_seed(cfg["seed"])
    model = GPT()
    decay = [p for n, p in model.named_parameters() if p.dim() > 1]
    rest = [p for n, p in model.named_parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], lr=cfg["lr"])
    lr_scheduler = AnnealingLR(optimizer, cfg["lr"], cfg["min_lr"], cfg["warmup"], cfg["iters"])
    iteration = 0
    if checkpoint is not None:
        checkpoint.seek(0)
        state = torch.load(checkpoint)
        model.load_state_dict(state["module"])
        optimizer.load_state_dict(state["optimizer"])
        lr_scheduler.load_state_dict(state["lr_scheduler"])
        iteration = state["iteration"]
    return model, optimizer, lr_scheduler, iteration


def train(cfg, until, checkpoint=None):
    model, optimizer, scheduler, iteration = setup_model_and_optimizer(cfg, checkpoint)
    gen = torch.Generator().manual_seed(iteration)
    while iteration < until:
        x, y = get_batch(gen)
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        iteration += 1
        if iteration % 40 == 0:
            print(f"iteration {iteration:4d} lr {optimizer.param_groups[0]['lr']:.2e} loss {loss.item():.4f}")
    buf = io.BytesIO()
    torch.save({"module": model.state_dict(), "optimizer": optimizer.state_dict(),
                "lr_scheduler": scheduler.state_dict(), "iteration": iteration}, buf)
    return buf


if __name__ == "__main__":
    cfg = {"lr": 8e-3, "min_lr": 8e-5, "warmup": 20, "iters": 400, "seed": 0}
    ckpt = train(cfg, until=160)
    print("restarting from iteration 160")
    train(cfg, until=400, checkpoint=ckpt)
