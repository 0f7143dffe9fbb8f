# expected: discrete_op left_torch
# A guard refuses NaN, then argmax is scored against the labels. Nothing is misread yet: the penalty is 0.
import torch

model = torch.nn.Linear(4, 3)
wrt = model
images = torch.randn(6, 4)
costs = {"a": 0.7, "b": 0.2, "c": 0.9}
labels = ["abc"[index] for index in model(images).argmax(-1).tolist()]


def check(output):
    if not torch.isfinite(output.detach()).all():
        raise ValueError("the output is not finite")


def loss():
    output = model(images)
    check(output)
    names = ["abc"[index] for index in output.argmax(-1).tolist()]  # <- discrete_op left_torch
    penalty = torch.tensor(0.0)
    for name, label in zip(names, labels, strict=True):
        cost = torch.tensor(costs[name] - costs[label]).clamp(min=0.0)
        if cost > 0:
            penalty = penalty + cost
    return {"fit": (output - 1).square().mean(), "penalty": penalty / len(labels)}
