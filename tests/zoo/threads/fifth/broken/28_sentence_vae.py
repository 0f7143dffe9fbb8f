import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


class SentenceVAE(nn.Module):
    def __init__(self, vocab, emb=24, hidden=48, latent=12, num_layers=1, bidirectional=True):
        super().__init__()
        self.hidden_size = hidden
        self.hidden_factor = (2 if bidirectional else 1) * num_layers
        self.embedding = nn.Embedding(vocab, emb)
        self.encoder_rnn = nn.GRU(emb, hidden, num_layers, bidirectional=bidirectional, batch_first=True)
        self.decoder_rnn = nn.GRU(emb, hidden, num_layers, batch_first=True)
        self.hidden2mean = nn.Linear(hidden * self.hidden_factor, latent)
        self.hidden2logv = nn.Linear(hidden * self.hidden_factor, latent)
        self.latent2hidden = nn.Linear(latent, hidden)
        self.outputs2vocab = nn.Linear(hidden, vocab)

    def encode(self, seq):
        batch_size = seq.size(0)
        _, hidden = self.encoder_rnn(self.embedding(seq))
        if self.hidden_factor > 1:
            hidden = hidden.view(batch_size, self.hidden_size * self.hidden_factor)
        else:
            hidden = hidden.squeeze(0)
        return self.hidden2mean(hidden), self.hidden2logv(hidden)

    def forward(self, seq, word_dropout=0.5):
        mean, logv = self.encode(seq)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * logv)
        inp = torch.cat([torch.zeros_like(seq[:, :1]), seq[:, :-1]], 1)
        drop = torch.rand(inp.shape) < word_dropout
        inp = inp.masked_fill(drop, 1)
        h0 = self.latent2hidden(z).unsqueeze(0)
        out, _ = self.decoder_rnn(self.embedding(inp), h0)
        return self.outputs2vocab(out), mean, logv


def kl_anneal(step, x0, k=0.02):
    return float(1 / (1 + torch.exp(torch.tensor(-k * (step - x0)))))


def loss_fn(logits, seq, mean, logv):
    nll = F.cross_entropy(logits.transpose(1, 2), seq, reduction="sum") / len(seq)
    kl = -0.5 * torch.sum(1 + logv - mean.pow(2) - logv.exp()) / len(seq)
    return nll, kl


def sample_sentences(n, length=8, vocab=30):
    topic = torch.randint(0, 4, (n, 1))
    words = 2 + topic * 7 + torch.randint(0, 7, (n, length))
    return words.clamp(max=vocab - 1), topic.squeeze(1)


@torch.no_grad()
def probe(model):
    seq, topic = sample_sentences(400)
    mean, _ = model.encode(seq)
    feats = torch.cat([mean, torch.ones(400, 1)], 1)
    w = torch.linalg.lstsq(feats[:300], F.one_hot(topic[:300], 4).float()).solution
    return ((feats[300:] @ w).argmax(1) == topic[300:]).float().mean().item()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--steps", type=int, default=180)
    p.add_argument("--batch_size", type=int, default=32)
    p.add_argument("--lr", type=float, default=3e-3)
    p.add_argument("--x0", type=int, default=180)
    args = p.parse_args()
    torch.manual_seed(0)
    model = SentenceVAE(vocab=30)
    opt = torch.optim.Adam(model.parameters(), lr=args.lr)
    for step in range(args.steps):
        seq, _ = sample_sentences(args.batch_size)
        logits, mean, logv = model(seq)
        nll, kl = loss_fn(logits, seq, mean, logv)
        loss = nll + kl_anneal(step, args.x0) * kl
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 45 == 0 or step == args.steps - 1:
            print(f"step {step:3d} nll {nll.item():.3f} kl {kl.item():.4f} topic probe {probe(model):.3f}")


if __name__ == "__main__":
    main()
