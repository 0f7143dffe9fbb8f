import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(12)

VOCAB, EOS, PROMPT, MAX_NEW = 24, 0, 3, 8
GROUP, N_PROMPTS, INNER = 8, 8, 2


class Policy(nn.Module):
    def __init__(self, dim=48):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.ln = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, VOCAB, bias=False)
        self.head.weight = self.emb.weight
        nn.init.normal_(self.emb.weight, std=0.1)

    def forward(self, ids):
        h, _ = self.rnn(self.emb(ids))
        return self.head(self.ln(h))


def completion_logps(model, ids):
    logits = model(ids[:, :-1])[:, PROMPT - 1:]
    return F.log_softmax(logits, -1).gather(-1, ids[:, PROMPT:].unsqueeze(-1)).squeeze(-1)


@torch.no_grad()
def generate(model, prompts):
    ids = prompts.repeat_interleave(GROUP, 0)
    done = torch.zeros(ids.size(0), dtype=torch.bool)
    mask = []
    for _ in range(MAX_NEW):
        probs = model(ids)[:, -1].softmax(-1)
        nxt = torch.multinomial(probs, 1).squeeze(1)
        nxt = nxt.masked_fill(done, EOS)
        mask.append(~done)
        done = done | (nxt == EOS)
        ids = torch.cat([ids, nxt[:, None]], 1)
    return ids, torch.stack(mask, 1).float()


def reward(ids, mask):
    first = ids[:, :1] % 2
    same = ((ids[:, PROMPT:] % 2) == first).float()
    return (same * mask).sum(1) / mask.sum(1)


policy = Policy()
reference = copy.deepcopy(policy).eval()
for p in reference.parameters():
    p.requires_grad_(False)
optimizer = torch.optim.AdamW(policy.parameters(), lr=3e-3, weight_decay=0.0)
beta, eps = 0.01, 0.2

for it in range(30):
    prompts = torch.randint(1, VOCAB, (N_PROMPTS, PROMPT))
    ids, mask = generate(policy, prompts)
    r = reward(ids, mask).view(N_PROMPTS, GROUP)
    adv = (r - r.mean(1, keepdim=True)) / (r.std(1, keepdim=True) + 1e-4)
    adv = adv.view(-1, 1)
    with torch.no_grad():
        old = completion_logps(policy, ids)
        ref = completion_logps(reference, ids)

    for inner in range(INNER):
        new = completion_logps(policy, ids)
        ratio = torch.exp(new - old)
        clipped = ratio.clamp(1 - eps, 1 + eps)
        pg = -torch.minimum(ratio * adv, clipped * adv)
        kl = torch.exp(ref - new) - (ref - new) - 1
        per_token = pg + beta * kl
        loss = (per_token * mask).sum() / mask.sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
    if it % 5 == 0 or it == 29:
        print(f"it {it} reward {r.mean():.3f} loss {loss.item():.4f} "
              f"kl {((kl * mask).sum() / mask.sum()).item():.4f} ratio max {ratio.max().item():.3f}")
