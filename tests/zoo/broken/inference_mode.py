# expected: grad_disabled
# inference_mode left around a teacher that should pass the gradient on.
import torch

student = torch.nn.Linear(4, 4)
teacher = torch.nn.Linear(4, 4)
wrt = student


def loss():
    hidden = student(torch.randn(2, 4))
    with torch.inference_mode():
        score = teacher(hidden).sum()  # <- grad_disabled
    return score
