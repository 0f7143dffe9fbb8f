# expected: ok
# Several tasks weighed by what is uncertain about each: the log-variances stand in the sum as they are.
import torch
from torch import nn

trunk = nn.Linear(4, 6)
heads = nn.ModuleDict({"size": nn.Linear(6, 1), "place": nn.Linear(6, 2), "kind": nn.Linear(6, 3)})
log_variances = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in heads})
wrt = {"trunk": trunk, "heads": heads, "log_variances": log_variances}


def loss():
    hidden = trunk(torch.randn(8, 4)).relu()
    shown = {}
    total = 0.0
    for name, head in heads.items():
        found = head(hidden)
        missed = nn.functional.cross_entropy(found, found.detach().argmax(1)) if name == "kind" else found.abs().mean()
        shown[name] = missed.item()
        total = total + (-log_variances[name]).exp() * missed + log_variances[name]
    return total
