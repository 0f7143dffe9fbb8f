# expected: ok
# Sorted values, a quantile, a median and a top-k mean have gradients: only their indices have none.
import torch

model = torch.nn.Linear(4, 3)
wrt = model


def loss():
    output = model(torch.randn(20, 4))
    wasserstein = (output.sort(0).values - torch.randn(20, 3).sort(0).values).abs().mean()
    return wasserstein + output.quantile(0.9) + output.median() + output.flatten().topk(5).values.mean()
