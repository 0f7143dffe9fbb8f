import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(14)

VOCAB, PROMPT, COMP = 40, 5, 7
BETA = 0.2


class LM(nn.Module):
    def __init__(self, dim=48):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(dim, VOCAB)

    def forward(self, ids):
        h, _ = self.rnn(self.emb(ids))
        return self.out(self.drop(h))


def sequence_logps(model, ids, loss_mask):
    logits = model(ids)[:, :-1]
    lp = F.log_softmax(logits, -1).gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    return (lp * loss_mask[:, 1:]).sum(-1)


def synth(n):
    prompt = torch.randint(2, VOCAB, (n, PROMPT))
    good = torch.randint(1, VOCAB // 2, (n, COMP)) * 2 % VOCAB
    bad = torch.randint(0, VOCAB, (n, COMP))
    lens_g, lens_b = torch.randint(3, COMP + 1, (n,)), torch.randint(3, COMP + 1, (n,))

    def pack(comp, lens):
        keep = torch.arange(COMP)[None] < lens[:, None]
        ids = torch.cat([prompt, comp.masked_fill(~keep, 0)], 1)
        mask = torch.cat([torch.zeros(n, PROMPT), keep.float()], 1)
        return ids, mask

    return (*pack(good, lens_g), *pack(bad, lens_b))


c_ids, c_mask, r_ids, r_mask = synth(512)

# supervised warm start on both kinds of answer
policy = LM()
opt = torch.optim.Adam(policy.parameters(), lr=3e-3)
for _ in range(30):
    ids = torch.cat([c_ids, r_ids])[torch.randperm(1024)[:128]]
    loss = F.cross_entropy(policy(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
print(f"sft loss {loss.item():.3f}")

# the reference log-probs come from the starting weights, computed once
policy.eval()
with torch.no_grad():
    ref_c = sequence_logps(policy, c_ids, c_mask)
    ref_r = sequence_logps(policy, r_ids, r_mask)
policy.train()

data = TensorDataset(c_ids, c_mask, r_ids, r_mask, ref_c, ref_r)
loader = DataLoader(data, batch_size=64, shuffle=True)
opt = torch.optim.AdamW(policy.parameters(), lr=5e-4)
for epoch in range(6):
    stats = []
    for ci, cm, ri, rm, rc, rr in loader:
        both = sequence_logps(policy, torch.cat([ci, ri]), torch.cat([cm, rm]))
        pc, pr = both.chunk(2)
        chosen, rejected = BETA * (pc - rc), BETA * (pr - rr)
        loss = -F.logsigmoid(chosen - rejected).mean()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        opt.step()
        stats.append((loss.item(), (chosen > rejected).float().mean().item(),
                      chosen.mean().item(), rejected.mean().item()))
    l, a, c, r = torch.tensor(stats).mean(0).tolist()
    print(f"epoch {epoch} dpo loss {l:.4f} acc {a:.3f} reward chosen {c:+.3f} rejected {r:+.3f}")
