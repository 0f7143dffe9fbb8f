# expected: ok
# A content loss on activations that forward hooks keep, some of them detached for a log.
import torch
from torch import nn

model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 3))
wrt = model
kept, logged = {}, {}
for name, layer in model.named_children():
    layer.register_forward_hook(lambda module, inputs, output, name=name: kept.update({name: output}))
    layer.register_forward_hook(lambda module, inputs, output, name=name: logged.update({name: output.detach().mean()}))


def loss():
    model(torch.randn(2, 1, 8, 8))
    gram = kept["1"].flatten(2) @ kept["1"].flatten(2).mT
    return gram.square().mean() + kept["2"].square().mean()
