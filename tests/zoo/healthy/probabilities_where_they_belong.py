# expected: ok
# A teacher's softmax as target, log_softmax before nll_loss, a softmax of an attention inside, size-1 differences.
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model, gate = nn.Linear(4, 3), nn.Linear(4, 1)
teacher = nn.Linear(4, 3).requires_grad_(False)
shift = nn.Parameter(torch.zeros(1))
wrt = {"model": model, "gate": gate, "shift": shift}


def loss():
    inputs = torch.randn(6, 4)
    mixed = torch.softmax(inputs @ inputs.t(), dim=-1) @ inputs
    logits = model(mixed) * torch.sigmoid(gate(inputs))
    distilled = F.cross_entropy(logits, torch.softmax(teacher(inputs), dim=-1))
    again = F.cross_entropy(target=torch.softmax(teacher(inputs), dim=-1), input=logits)
    smoothed = F.log_softmax(torch.softmax(teacher(inputs), dim=-1), dim=-1)
    again = again + F.kl_div(F.log_softmax(logits, dim=-1), smoothed, log_target=True, reduction="batchmean")
    classes = F.nll_loss(F.log_softmax(logits, dim=-1), torch.randint(0, 3, (6,)))
    odds = F.binary_cross_entropy(torch.sigmoid(logits), torch.rand(6, 3))
    centred = (logits - logits.mean(0) - shift).square().mean()
    centred = centred + (gate(inputs).squeeze(-1) - torch.randn(6)).abs().mean()
    one = F.mse_loss(gate(inputs[:1]).squeeze(0), torch.zeros(1))
    return distilled + again + classes + odds + centred + one
