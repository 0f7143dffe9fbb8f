# expected: suspicious_shape
# The distillation loss takes log_softmax of what the student has already made probabilities.
import torch
from torch import nn

torch.manual_seed(0)
student, teacher = nn.Linear(6, 5), nn.Linear(6, 5).requires_grad_(False)
optimizer = torch.optim.Adam(student.parameters())


def predict(x):
    return nn.functional.softmax(student(x) / 2.0, dim=-1)


for _ in range(3):
    x = torch.randn(7, 6)
    target = teacher(x).softmax(-1)
    logp = predict(x).log_softmax(-1)  # <- suspicious_shape
    optimizer.zero_grad()
    nn.functional.kl_div(logp, target, reduction="batchmean").backward()
    optimizer.step()
