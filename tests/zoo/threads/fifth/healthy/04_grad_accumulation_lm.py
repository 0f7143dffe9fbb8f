from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Args:
    micro_batch: int = 8
    accumulation: int = 4
    epochs: int = 5
    lr: float = 5e-3
    max_norm: float = 1.0


class CharLM(nn.Module):
    def __init__(self, vocab=26, dim=32):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.bias = nn.Parameter(torch.zeros(vocab))

    def forward(self, ids):
        h, _ = self.rnn(self.emb(ids))
        return h @ self.emb.weight.t() + self.bias


def collate(rows):
    width = max(len(r) for r in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    labels = torch.full((len(rows), width), -100)
    for i, r in enumerate(rows):
        ids[i, :len(r)] = r
        labels[i, :len(r)] = r
    return ids, labels


def windows(items, n):
    for i in range(0, len(items), n):
        yield items[i:i + n]


def train(args, model, rows):
    opt = torch.optim.AdamW(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        order = torch.randperm(len(rows)).tolist()
        micro = [collate([rows[i] for i in chunk]) for chunk in windows(order, args.micro_batch)]
        epoch_loss, epoch_tokens = 0.0, 0
        for group in windows(micro, args.accumulation):
            n_tokens = sum((labels[:, 1:] != -100).sum().item() for _, labels in group)
            opt.zero_grad(set_to_none=True)
            for ids, labels in group:
                logits = model(ids)[:, :-1]
                loss = F.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100, reduction="sum")
                (loss / n_tokens).backward()
                epoch_loss += loss.item()
            epoch_tokens += n_tokens
            nn.utils.clip_grad_norm_(model.parameters(), args.max_norm)
            opt.step()
        print(f"epoch {epoch} loss per token {epoch_loss / epoch_tokens:.4f}")


def main():
    torch.manual_seed(0)
    rows = []
    for _ in range(150):
        n, start, stride = int(torch.randint(4, 14, (1,))), int(torch.randint(0, 26, (1,))), int(torch.randint(1, 3, (1,)))
        rows.append((start + stride * torch.arange(n)) % 26)
    train(Args(), CharLM(), rows)


if __name__ == "__main__":
    main()
