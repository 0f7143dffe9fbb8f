# expected: sampling
# Tokens drawn with multinomial and fed back.
import torch

model = torch.nn.Linear(8, 8)
wrt = model


def loss():
    probabilities = model(torch.eye(8)).softmax(-1)
    token = torch.multinomial(probabilities, 1)  # <- sampling
    return token.float().mean()
