# expected: zero_gradient
# Eight saturated sigmoids in a row: nothing arrives at the first layers.
# after: torchmortem, examples/basic_mlp (vanishing); torchdiag, check_gradients
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 8), torch.randint(0, 3, (16,))
layers = []
for _ in range(8):
    layer = nn.Linear(8, 8)
    nn.init.normal_(layer.weight, std=40.0)
    layers += [layer, nn.Sigmoid()]  # <- zero_gradient
model = nn.Sequential(*layers, nn.Linear(8, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
