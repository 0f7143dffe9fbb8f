# expected: ok
# Boxes are suppressed by their scores under no_grad; those that stay, and focal weights, are as usual.
import torch
from torch import nn

box_head, class_head = nn.Linear(6, 4), nn.Linear(6, 1)
wrt = {"box": box_head, "class": class_head}


@torch.no_grad()
def suppress(boxes, scores):
    keep = []
    for index in scores.argsort(descending=True).tolist():
        if all((boxes[index] - boxes[other]).abs().max() > 0.05 for other in keep):
            keep.append(index)
    return torch.tensor(keep)


def loss():
    features, truth = torch.randn(12, 6), torch.rand(4)
    boxes, logits = box_head(features).sigmoid(), class_head(features).squeeze(-1)
    keep = suppress(boxes.detach(), logits.detach().sigmoid())
    positive = torch.zeros(12).index_fill(0, keep[:2], 1.0)
    probability = logits.sigmoid()
    focal = (1 - torch.where(positive > 0, probability, 1 - probability)).square().detach()
    classes = nn.functional.binary_cross_entropy_with_logits(logits, positive, weight=focal)
    return {"class": classes, "box": nn.functional.smooth_l1_loss(boxes[keep], truth.expand(len(keep), 4))}
