"""Tiny NER tagger: BiLSTM encoder + linear emissions + CRF, separate learning rates per part."""
import argparse
import torch
import torch.nn as nn

torch.manual_seed(13)
TAGS, VOCAB, SEQ = 5, 60, 8


class LinearCRF(nn.Module):
    def __init__(self, n_tags):
        super().__init__()
        self.start = nn.Parameter(torch.zeros(n_tags))
        self.trans = nn.Parameter(torch.randn(n_tags, n_tags) * 0.1)

    def neg_log_likelihood(self, emit, tags):
        b, t, k = emit.shape
        idx = torch.arange(b)
        gold = self.start[tags[:, 0]] + emit[idx, 0, tags[:, 0]]
        alpha = self.start + emit[:, 0]
        for i in range(1, t):
            gold = gold + self.trans[tags[:, i - 1], tags[:, i]] + emit[idx, i, tags[:, i]]
            alpha = torch.logsumexp(alpha.unsqueeze(2) + self.trans, dim=1) + emit[:, i]
        return (torch.logsumexp(alpha, 1) - gold).mean()


class Tagger(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.encoder_emb = nn.Embedding(VOCAB, 16)
        self.encoder_lstm = nn.LSTM(16, hidden, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden, TAGS)
        self.crf = LinearCRF(TAGS)

    def forward(self, tokens, tags):
        h, _ = self.encoder_lstm(self.encoder_emb(tokens))
        return self.crf.neg_log_likelihood(self.fc(h), tags)


def build_optimizer(model, args):
    parameters = []
    params = {"lr": args.lr, "weight_decay": 1e-2, "params": []}
    for name, p in model.named_parameters():
        if "encoder" in name:
            params["params"].append(p)
    parameters.append(params)

    # crf and classifier want a much larger step than the encoder
    params = {"lr": args.head_lr, "weight_decay": 1e-2, "params": []}
    for name, p in model.named_parameters():
        if "crf" in name or name.startswith("fc"):
            params["params"].append(p)
    return torch.optim.AdamW(parameters)


def make_batch(n=16):
    tokens = torch.randint(0, VOCAB, (n, SEQ))
    return tokens, tokens % TAGS


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--lr", type=float, default=3e-3)
    ap.add_argument("--head_lr", type=float, default=5e-2)
    args = ap.parse_args([])
    model = Tagger()
    optimizer = build_optimizer(model, args)
    for step in range(12):
        tokens, tags = make_batch()
        loss = model(tokens, tags)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 3 == 0:
            print(f"step {step} nll {loss.item():.4f}")
