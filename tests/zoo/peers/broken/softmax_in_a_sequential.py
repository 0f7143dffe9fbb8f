# expected: suspicious_shape
# nn.Softmax at the end of a Sequential, and CrossEntropyLoss after it.
# after: mldoct, double softmax; TrainCheck, stackoverflow-60335387
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 20), torch.randint(0, 4, (16,))
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4), nn.Softmax(dim=1))  # <- suspicious_shape
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
for _ in range(3):
    optimizer.zero_grad()
    out = model(x)
    loss = criterion(out, y)
    loss.backward()
    optimizer.step()
