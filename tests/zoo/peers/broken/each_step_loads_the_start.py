# expected: overwritten
# A reset hook meant for the first step runs at each.
# after: TrainCheck, success story 2 (updates are undone)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model, criterion = nn.Linear(10, 3), nn.CrossEntropyLoss()
start = {name: value.clone() for name, value in model.state_dict().items()}
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    model.load_state_dict(start)  # <- overwritten
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
