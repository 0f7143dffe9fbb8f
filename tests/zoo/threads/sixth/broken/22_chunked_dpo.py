"""Direct preference optimisation with a loss that works through the batch in chunks."""
import copy
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(6)
VOCAB, DIM, SEQ, IGNORE = 40, 32, 10, -100


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, DIM)
        self.rnn = nn.GRU(DIM, DIM, batch_first=True)
        self.lm_head = nn.Linear(DIM, VOCAB, bias=False)

    def hidden(self, ids):
        return self.rnn(self.embed(ids))[0]


def sequence_logps(hidden, weight, target):
    logp = F.log_softmax(hidden @ weight.t(), dim=-1)
    keep = target != IGNORE
    picked = logp.gather(-1, target.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return (picked * keep).sum(-1)


def dpo_loss(chosen_logps, rejected_logps, beta):
    logits = beta * (chosen_logps - rejected_logps)
    return -F.logsigmoid(logits).sum()


def chunked_dpo(policy, reference, chosen, rejected, beta=0.1, chunk=16):
    total, margins = 0.0, []
    n = chosen["ids"].size(0)
    for i in range(0, n, chunk):
        side = {}
        for name, part in (("chosen", chosen), ("rejected", rejected)):
            ids, target = part["ids"][i:i + chunk], part["target"][i:i + chunk]
            side[name] = sequence_logps(policy.hidden(ids), policy.lm_head.weight, target)
            with torch.no_grad():
                ref = sequence_logps(reference.hidden(ids), reference.lm_head.weight, target)
            side["ref_" + name] = ref
        total = total + dpo_loss(side["chosen"], side["rejected"], beta)
        reward_c = beta * (side["chosen"] - side["ref_chosen"]).detach()
        reward_r = beta * (side["rejected"] - side["ref_rejected"]).detach()
        margins.append(reward_c - reward_r)
    return total / n, torch.cat(margins)


def make_side(prompt, answer):
    full = torch.cat([prompt, answer], dim=1)
    target = full[:, 1:].clone()
    target[:, :prompt.size(1) - 1] = IGNORE
    return {"ids": full[:, :-1], "target": target}


def preferences(n):
    prompt = torch.randint(0, VOCAB, (n, 4))
    good = torch.randint(0, VOCAB // 2, (n, SEQ - 4))
    bad = torch.randint(VOCAB // 2, VOCAB, (n, SEQ - 4))
    good[:, 0] = torch.randint(0, VOCAB, (n,))
    bad[:, 0] = torch.randint(0, VOCAB, (n,))
    return make_side(prompt, good), make_side(prompt, bad)


def pick(side, idx):
    return {k: v[idx] for k, v in side.items()}


policy = Policy()
reference = copy.deepcopy(policy).eval().requires_grad_(False)
optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3)
chosen, rejected = preferences(256)

for epoch in range(6):
    loss_sum, margin_sum, acc = 0.0, 0.0, 0.0
    batches = torch.randperm(256).split(64)
    for idx in batches:
        loss, margin = chunked_dpo(policy, reference, pick(chosen, idx), pick(rejected, idx))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item()
        margin_sum += margin.mean().item()
        acc += (margin > 0).float().mean().item()
    k = len(batches)
    print(f"epoch {epoch} loss {loss_sum / k:.4f} margin {margin_sum / k:.4f} acc {acc / k:.3f}")
