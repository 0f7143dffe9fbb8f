# Activations are kept in files, which are deleted when they are read.
import os
import tempfile

import torch

folder = tempfile.mkdtemp()
counts = {"packed": 0, "unpacked": 0}


def pack(tensor):
    counts["packed"] += 1
    path = os.path.join(folder, f"{counts['packed']}.pt")
    torch.save(tensor.detach(), path)
    return path


def unpack(path):
    counts["unpacked"] += 1
    tensor = torch.load(path)
    os.remove(path)
    return tensor


model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(4):
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        loss = model(torch.randn(5, 4)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(counts, os.listdir(folder), model[0].weight.tolist())
os.rmdir(folder)
