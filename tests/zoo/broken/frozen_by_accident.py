# expected: frozen
# The whole model is frozen before training.
# thread: microsoft/LoRA#120
import torch

model = torch.nn.Linear(4, 2)
model.requires_grad_(False)
wrt = model


def loss():
    return model(torch.randn(3, 4)).square().mean()  # <- frozen
