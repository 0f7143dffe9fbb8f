import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


class EncoderImage(nn.Module):
    def __init__(self, d_in=64, d=32):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(d_in, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, d))

    def forward(self, x):
        return F.normalize(self.fc(x), dim=-1)


class EncoderText(nn.Module):
    def __init__(self, vocab=100, d=32):
        super().__init__()
        self.embed, self.rnn = nn.Embedding(vocab, d), nn.GRU(d, d, batch_first=True)
        self.drop = nn.Dropout(0.3)

    def forward(self, ids):
        _, h = self.rnn(self.drop(self.embed(ids)))
        return F.normalize(h[-1], dim=-1)


class ContrastiveLoss(nn.Module):
    def __init__(self, margin=0.2, max_violation=False):
        super().__init__()
        self.margin, self.max_violation = margin, max_violation

    def forward(self, im, s):
        scores = im @ s.t()
        diag = scores.diag().view(-1, 1)
        eye = torch.eye(len(scores), dtype=torch.bool)
        cost_s = (self.margin + scores - diag).clamp(min=0).masked_fill(eye, 0)
        cost_im = (self.margin + scores - diag.t()).clamp(min=0).masked_fill(eye, 0)
        if self.max_violation:
            cost_s, cost_im = cost_s.max(1)[0], cost_im.max(0)[0]
        return (cost_s.sum() + cost_im.sum()) / len(scores)


class VSE:
    def __init__(self, opt):
        self.img_enc, self.txt_enc = EncoderImage(), EncoderText()
        self.params = [*self.img_enc.parameters(), *self.txt_enc.parameters()]
        self.criterion = ContrastiveLoss(opt.margin)
        self.optimizer = torch.optim.Adam(self.params, lr=opt.lr)
        self.Eiters = 0

    def train_start(self):
        self.img_enc.train()
        self.txt_enc.train()

    def val_start(self):
        self.img_enc.eval()
        self.txt_enc.eval()

    def train_emb(self, images, captions):
        self.Eiters += 1
        loss = self.criterion(self.img_enc(images), self.txt_enc(captions))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.params, 2.0)
        self.optimizer.step()
        return loss.item()


def make_pairs(n, proj, table):
    ids = torch.randint(0, 100, (n, 6))
    img = table[ids].mean(1) @ proj + 0.4 * torch.randn(n, 64)
    return img, ids


@torch.no_grad()
def validate(model, data):
    model.val_start()
    img, cap = data
    sims = model.img_enc(img) @ model.txt_enc(cap).t()
    rank = (sims > sims.diag().view(-1, 1)).sum(1)
    return (rank < 1).float().mean().item(), (rank < 5).float().mean().item()


def train(opt, model, train_data, val_data, epoch):
    model.train_start()
    img, cap = train_data
    total = []
    for idx in torch.randperm(len(img)).split(opt.batch_size):
        total.append(model.train_emb(img[idx], cap[idx]))
        if model.Eiters % opt.val_step == 0:
            r1, r5 = validate(model, val_data)
            print(f"epoch {epoch:2d} iter {model.Eiters:4d} loss {sum(total) / len(total):.3f} r@1 {r1:.3f} r@5 {r5:.3f}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--epochs", type=int, default=8)
    p.add_argument("--batch_size", type=int, default=32)
    p.add_argument("--val_step", type=int, default=5)
    p.add_argument("--margin", type=float, default=0.2)
    p.add_argument("--lr", type=float, default=2e-3)
    opt = p.parse_args()
    torch.manual_seed(0)
    table, proj = torch.randn(100, 16), torch.randn(16, 64)
    train_data, val_data = make_pairs(480, proj, table), make_pairs(200, proj, table)
    model = VSE(opt)
    for epoch in range(opt.epochs):
        train(opt, model, train_data, val_data, epoch)


if __name__ == "__main__":
    main()
