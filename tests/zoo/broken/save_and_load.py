# expected: left_torch new_leaf
# Features are written to a file and read back within one step.
import io

import torch
from torch import nn

encoder, head = nn.Linear(6, 4), nn.Linear(4, 2)
wrt = {"encoder": encoder, "head": head}


def loss():
    file = io.BytesIO()
    torch.save({"features": encoder(torch.randn(5, 6)).tanh()}, file)  # <- left_torch
    file.seek(0)
    return head(torch.load(file, weights_only=True)["features"]).square().mean()  # <- new_leaf
