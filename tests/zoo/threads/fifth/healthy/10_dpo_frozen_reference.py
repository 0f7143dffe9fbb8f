import copy

import torch
import torch.nn as nn
import torch.nn.functional as F


class TinyLM(nn.Module):
    def __init__(self, vocab=20, dim=32):
        super().__init__()
        self.emb, self.rnn = nn.Embedding(vocab, dim), nn.GRU(dim, dim, batch_first=True)
        self.head = nn.Linear(dim, vocab)

    def forward(self, ids):
        return self.head(self.rnn(self.emb(ids))[0])


def sequence_logp(model, ids, labels):
    logits = model(ids)[:, :-1]
    labels = labels[:, 1:]
    mask = labels != -100
    logp = logits.log_softmax(-1).gather(2, labels.masked_fill(~mask, 0).unsqueeze(-1)).squeeze(-1)
    return (logp * mask).sum(-1)


def preference_batch(n, prompt=4, answer=5):
    p = torch.randint(0, 20, (n, prompt))
    chosen = (p[:, -1:] + torch.arange(1, answer + 1)) % 20
    rejected = torch.randint(0, 20, (n, answer))
    out = []
    for a in (chosen, rejected):
        ids = torch.cat([p, a], 1)
        labels = ids.clone()
        labels[:, :prompt] = -100
        out += [ids, labels]
    return out


def main():
    torch.manual_seed(0)
    policy = TinyLM()
    reference = copy.deepcopy(policy)
    reference.requires_grad_(False)
    reference.eval()
    opt = torch.optim.AdamW(policy.parameters(), lr=2e-3)
    beta = 0.1
    for step in range(150):
        ci, cl, ri, rl = preference_batch(32)
        pc, pr = sequence_logp(policy, ci, cl), sequence_logp(policy, ri, rl)
        with torch.no_grad():
            rc, rr = sequence_logp(reference, ci, cl), sequence_logp(reference, ri, rl)
        margin = beta * ((pc - rc) - (pr - rr))
        loss = -F.logsigmoid(margin).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 30 == 0:
            chosen_rewards = (beta * (pc - rc)).detach().mean().item()
            print(f"step {step:3d} loss {loss.item():.4f} acc {(margin > 0).float().mean():.3f} chosen reward {chosen_rewards:+.3f}")


if __name__ == "__main__":
    main()
