import copy
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

IGNORE_ID = -1


@dataclass
class Config:
    vocab: int = 40
    dim: int = 48
    text_len: int = 5
    max_speech: int = 12
    beta: float = 0.2
    steps: int = 150
    lr: float = 2e-3


class SpeechLM(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.text_emb = nn.Embedding(20, cfg.dim)
        self.speech_emb = nn.Embedding(cfg.vocab, cfg.dim)
        self.rnn = nn.GRU(cfg.dim, cfg.dim, batch_first=True)
        self.decoder = nn.Linear(cfg.dim, cfg.vocab)

    def forward(self, text, speech):
        x = torch.cat([self.text_emb(text), self.speech_emb(speech)], dim=1)
        h, _ = self.rnn(x)
        return self.decoder(h)


def make_target(cfg, speech, lens):
    b = speech.size(0)
    target = torch.full((b, cfg.text_len + cfg.max_speech), IGNORE_ID)
    for i, n in enumerate(lens.tolist()):
        target[i, cfg.text_len - 1:cfg.text_len - 1 + n] = speech[i, :n]
    return target


def sequence_logps(logits, target):
    ignore = target == IGNORE_ID
    logps = torch.gather(logits.log_softmax(dim=-1), 2, target.masked_fill(ignore, 0).unsqueeze(-1)).squeeze(-1)
    return (logps * ignore).mean(dim=-1)


def dpo_loss(pi_c, pi_r, ref_c, ref_r, beta):
    logits = (pi_c - pi_r) - (ref_c - ref_r)
    return -F.logsigmoid(beta * logits).mean(), (logits > 0).float().mean()


def sample_pairs(cfg, b):
    text = torch.randint(0, 20, (b, cfg.text_len))
    base = text[:, :1] + torch.arange(cfg.max_speech)
    chosen = base % cfg.vocab
    rejected = (base + torch.randint(5, 15, (b, 1))) % cfg.vocab
    return text, chosen, torch.randint(6, cfg.max_speech + 1, (b,)), rejected, torch.randint(6, cfg.max_speech + 1, (b,))


@torch.no_grad()
def answer_margin(cfg, model):
    torch.manual_seed(99)
    text, c, _, r, _ = sample_pairs(cfg, 64)
    s = slice(cfg.text_len - 1, cfg.text_len - 1 + cfg.max_speech)
    lc = model(text, c).log_softmax(-1)[:, s].gather(2, c.unsqueeze(-1)).mean()
    lr = model(text, r).log_softmax(-1)[:, s].gather(2, r.unsqueeze(-1)).mean()
    return (lc - lr).item()


def main():
    cfg = Config()
    torch.manual_seed(0)
    policy = SpeechLM(cfg)
    ref = copy.deepcopy(policy).eval().requires_grad_(False)
    opt = torch.optim.AdamW(policy.parameters(), lr=cfg.lr)
    print(f"margin at start {answer_margin(cfg, policy):.3f}")
    for step in range(cfg.steps):
        text, c, c_len, r, r_len = sample_pairs(cfg, 16)
        c_tgt, r_tgt = make_target(cfg, c, c_len), make_target(cfg, r, r_len)
        pi_c, pi_r = sequence_logps(policy(text, c), c_tgt), sequence_logps(policy(text, r), r_tgt)
        with torch.no_grad():
            ref_c, ref_r = sequence_logps(ref(text, c), c_tgt), sequence_logps(ref(text, r), r_tgt)
        loss, acc = dpo_loss(pi_c, pi_r, ref_c, ref_r, cfg.beta)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 30 == 0:
            print(f"step {step:3d} dpo {loss.item():.4f} acc {acc.item():.2f}")
    print(f"margin at end {answer_margin(cfg, policy):.3f}")


if __name__ == "__main__":
    main()
