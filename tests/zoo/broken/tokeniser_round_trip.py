# expected: discrete_op left_torch new_leaf grad_disabled
# Characters of the recogniser become a string, the string tokens of a language model, under no_grad.
# thread: githubharald/CTCWordBeamSearch#4
import torch
from torch import nn

reader = nn.Linear(6, 4)
model = nn.Sequential(nn.Embedding(20, 5), nn.Linear(5, 20))
vocabulary = {"ab": 1, "ba": 2, "cc": 3, "a": 4, "b": 5, "c": 6}
wrt = reader


def tokenise(text):
    ids = []
    while text:
        piece = text[:2] if text[:2] in vocabulary else text[:1]
        ids.append(vocabulary[piece])
        text = text[len(piece) :]
    return torch.tensor(ids)  # <- new_leaf


@torch.no_grad()
def nats(ids):
    scores = model(ids[:-1]).log_softmax(-1)  # <- grad_disabled
    return -scores[torch.arange(len(ids) - 1), ids[1:]].mean()


def loss():
    logits = reader(torch.randn(12, 6))
    best = logits.argmax(-1)  # <- discrete_op
    text = "abc" + "".join(" abc"[index] for index in best.tolist() if index)  # <- left_torch
    return {
        "fit": nn.functional.cross_entropy(logits, torch.randint(0, 4, (12,))),
        "lm": 0.1 * nats(tokenise(text)),
    }
