# expected: discrete_op
# Greedy decoding inside a function decorated with no_grad; the logits never needed it.
import torch

model = torch.nn.Linear(5, 5)
costs = torch.randn(5)
wrt = model


@torch.no_grad()
def generate(state, steps=3):
    tokens = []
    for _ in range(steps):
        token = state.argmax(-1)  # <- discrete_op
        tokens.append(token)
        state = torch.eye(5)[token]
    return torch.stack(tokens)


def loss():
    return costs[generate(model(torch.randn(2, 5)))].mean()
