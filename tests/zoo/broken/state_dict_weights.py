# expected: detach
# functional_call with weights from state_dict(), which are detached.
import torch

model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    weights = model.state_dict()  # <- detach
    output = torch.func.functional_call(model, weights, (torch.randn(3, 4),))
    return output.square().mean()
