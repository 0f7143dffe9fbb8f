# The head is replaced, the optimizer is made, a part stays frozen.
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model = nn.Sequential(nn.Linear(10, 12), nn.ReLU(), nn.Linear(12, 100))
model.load_state_dict({name: value + 0.01 for name, value in model.state_dict().items()})
model[2] = nn.Linear(12, 3)
model[0].requires_grad_(False)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD((p for p in model.parameters() if p.requires_grad), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
