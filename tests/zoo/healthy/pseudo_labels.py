# expected: ok
# FixMatch: confident predictions on weak views are labels for strong views; the threshold is a mask.
import torch
import torch.nn.functional as F

model = torch.nn.Linear(6, 3)
wrt = model


def loss():
    labelled, target, unlabelled = torch.randn(8, 6), torch.randint(0, 3, (8,)), torch.randn(16, 6)
    weak = model(unlabelled).detach().softmax(-1)
    confidence, pseudo = weak.max(-1)
    mask = confidence.ge(0.4).float()
    strong = model(unlabelled + 0.1 * torch.randn(16, 6))
    unsupervised = (F.cross_entropy(strong, pseudo, reduction="none") * mask).mean()
    return {"supervised": F.cross_entropy(model(labelled), target), "unsupervised": unsupervised}
