# expected: discrete_op
# An extra loss counts wrong classes through argmax; the healthy loss hides that it is dead.
# thread: pytorch/pytorch#1339, Ugenteraan/Deep_Hierarchical_Classification#6
import torch
import torch.nn.functional as F

model = torch.nn.Linear(6, 4)
wrt = model


def loss():
    logits = model(torch.randn(8, 6))
    target = torch.randint(0, 4, (8,))
    wrong = (logits.argmax(-1) != target).float().mean()  # <- discrete_op
    return {"cross_entropy": F.cross_entropy(logits, target), "wrong": wrong}
