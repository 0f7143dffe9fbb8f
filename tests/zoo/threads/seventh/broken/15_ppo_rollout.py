import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(5)

VOCAB, PROMPT, MAXLEN, EOS = 20, 4, 8, 1


class TinyPolicy(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.head = nn.Linear(dim, VOCAB)
        self.value = nn.Linear(dim, 1)

    def forward(self, ids):
        h, _ = self.rnn(self.emb(ids))
        return self.head(h), self.value(h).squeeze(-1)


def aggregate(loss, mask):
    return (loss * mask).sum() / mask.sum().clamp(min=1)


class PolicyLoss(nn.Module):
    def __init__(self, clip=0.2):
        super().__init__()
        self.clip = clip

    def forward(self, log_probs, old_log_probs, advantages, action_mask):
        log_ratio = log_probs - old_log_probs
        ratio = log_ratio.exp()
        surr1 = ratio * advantages
        surr2 = ratio.clamp(1 - self.clip, 1 + self.clip) * advantages
        loss = aggregate(-torch.min(surr1, surr2), action_mask)
        kl = aggregate(-log_ratio.detach(), action_mask)
        return loss, kl


def token_log_probs(model, ids):
    logits, values = model(ids[:, :-1])
    lp = F.log_softmax(logits, -1).gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    return lp[:, PROMPT - 1:], values[:, PROMPT - 1:]


@torch.no_grad()
def rollout(model, n):
    ids = torch.randint(2, VOCAB, (n, PROMPT))
    done = torch.zeros(n, dtype=torch.bool)
    logps, masks = [], []
    for _ in range(MAXLEN):
        logits, _ = model(ids)
        logp_all = F.log_softmax(logits[:, -1], -1)
        gumbel = -torch.log(-torch.log(torch.rand_like(logp_all).clamp(1e-6, 1 - 1e-6)))
        tok = (logp_all + gumbel).argmax(-1)
        tok = torch.where(done, torch.zeros_like(tok), tok)
        lp = logp_all.gather(-1, tok.unsqueeze(-1)).squeeze(-1)
        logps.append(torch.where(done, torch.full_like(lp, float("nan")), lp))
        masks.append((~done).float())
        done = done | (tok == EOS)
        ids = torch.cat([ids, tok.unsqueeze(1)], 1)
    return ids, torch.stack(logps, 1), torch.stack(masks, 1)


def reward_fn(ids, mask):
    gen = ids[:, PROMPT:]
    return ((gen % 3 == 2).float() * mask).sum(1) / mask.sum(1)


policy = TinyPolicy()
opt = torch.optim.Adam(policy.parameters(), lr=5e-3)
policy_loss = PolicyLoss()

for it in range(25):
    ids, old_lp, mask = rollout(policy, 64)
    rewards = reward_fn(ids, mask)
    with torch.no_grad():
        _, old_values = token_log_probs(policy, ids)
        adv = rewards.unsqueeze(1) - old_values
        mean = aggregate(adv, mask)
        std = aggregate((adv - mean) ** 2, mask).sqrt()
        adv = (adv - mean) / (std + 1e-6)
    for _ in range(2):
        lp, values = token_log_probs(policy, ids)
        p_loss, kl = policy_loss(lp, old_lp, adv, mask)
        v_loss = aggregate((values - rewards.unsqueeze(1)) ** 2, mask)
        loss = p_loss + 0.5 * v_loss
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        opt.step()
    print(f"iter {it} reward {rewards.mean():.3f} policy {p_loss.item():.4f} "
          f"value {v_loss.item():.4f} kl {kl.item():.4f} len {mask.sum(1).mean():.1f}")
