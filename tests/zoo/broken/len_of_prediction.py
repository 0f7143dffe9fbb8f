# expected: discrete_op
# A length penalty counts the non-blank frames.
import torch
import torch.nn.functional as F

model = torch.nn.Linear(4, 3)
wrt = model


def loss():
    logits = model(torch.randn(12, 4))
    length = (logits.argmax(-1) > 0).sum()  # <- discrete_op
    return {"ce": F.cross_entropy(logits, torch.randint(0, 3, (12,))), "length": (length - 5).float().abs()}
