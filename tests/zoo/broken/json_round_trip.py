# expected: left_torch new_leaf
# A scoring service answers in JSON.
import json

import torch
from torch import nn

model = nn.Linear(4, 3)
wrt = model


def service(request):
    rows = json.loads(request)["rows"]
    return json.dumps({"scores": [sum(value * value for value in row) for row in rows]})


def loss():
    output = model(torch.randn(5, 4))
    request = json.dumps({"rows": output.tolist()})  # <- left_torch
    scores = torch.tensor(json.loads(service(request))["scores"])  # <- new_leaf
    return {"fit": (output - 1).square().mean(), "service": scores.mean()}
