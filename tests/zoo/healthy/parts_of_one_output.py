# expected: ok
# Parts of what layers give, read as they are meant: two halves, one twice and the rest once, the last step, a prefix.
import torch
from torch import nn

wrt = nn.ModuleDict({name: nn.Linear(4, 8) for name in ("words", "tags", "scores")})
wrt.update({name: nn.Linear(4, 6) for name in ("halves", "thirds", "classes")})
x, steps = torch.randn(5, 4), torch.randn(5, 8, 4)


def loss():
    halves, thirds = wrt["halves"](x), wrt["thirds"](x)
    mean, log_variance = halves[:, :3], halves[:, 3:]
    key, value = thirds[:, :2], thirds[:, :2]
    query = thirds[:, 2:]
    words = wrt["words"](steps)
    last, again = words[:, -1], words[:, -1]
    tags = wrt["tags"](steps)
    before, after = tags[:, :4], tags[:, :4]  # half of the steps: what the others give is not asked for
    scores = wrt["scores"](steps).logsumexp(-1)  # one number a step
    new, old = scores[:, :4].exp(), scores[:, :4].square()
    classes, labels = wrt["classes"](x), torch.tensor([0, 1, 2, 0, 1])  # six classes, three of them seen so far
    known = nn.functional.cross_entropy(classes[:, :3], labels) + classes[:, :3].logsumexp(-1).square().mean()
    attended = (key * value).mean() + query.square().mean()
    return (
        (mean * log_variance.exp()).mean() + attended + known + (last * again).mean() + (before * after).mean()
        + (new * old).mean()
    )  # fmt: skip
