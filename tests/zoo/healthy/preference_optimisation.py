# expected: ok
# DPO: a frozen reference model under no_grad; accuracy and margin are logged as numbers.
import torch
import torch.nn.functional as F
from torch import nn

policy = nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 9))
reference = nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 9)).requires_grad_(False)
wrt = policy
log = {}


def log_probability(model, ids):
    scores = model(ids[:, :-1]).log_softmax(-1)
    return scores.gather(-1, ids[:, 1:, None]).squeeze(-1).sum(-1)


def loss():
    chosen, rejected = torch.randint(0, 9, (4, 6)), torch.randint(0, 9, (4, 6))
    with torch.no_grad():
        base = log_probability(reference, chosen) - log_probability(reference, rejected)
    margin = log_probability(policy, chosen) - log_probability(policy, rejected) - base
    log["accuracy"] = (margin > 0).float().mean().item()
    log["margin"] = margin.detach().mean().tolist()
    return -F.logsigmoid(0.1 * margin).mean()
