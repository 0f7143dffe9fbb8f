# expected: non_finite
# A probability of exactly 0 before log.
import torch

scores = torch.tensor([[200.0, 0.0, -200.0]], requires_grad=True)
wrt = {"scores": scores}


def loss():
    probability = scores.softmax(-1)
    entropy = -(probability * probability.log().clamp_min(-100)).sum()  # <- non_finite
    return entropy
