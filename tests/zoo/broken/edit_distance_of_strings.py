# expected: discrete_op left_torch new_leaf
# A string distance computed in Python from greedy decoding.
import torch

model = torch.nn.Linear(5, 4)
wrt = model


def distance(text, truth):
    return sum(a != b for a, b in zip(text, truth, strict=False)) + abs(len(text) - len(truth))


def loss():
    best = model(torch.randn(6, 5)).argmax(-1)  # <- discrete_op
    text = "".join("abcd"[index] for index in best.tolist())  # <- left_torch
    return torch.tensor(float(distance(text, "abcabc")))  # <- new_leaf
