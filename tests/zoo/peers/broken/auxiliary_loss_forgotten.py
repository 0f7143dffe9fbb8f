# expected: constant
# The second head's loss is computed, logged, and not in the sum.
# after: torchtest2, README, gradient_flow
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.main, self.aux = nn.Linear(10, 8), nn.Linear(8, 3), nn.Linear(8, 3)

    def forward(self, x):
        hidden = self.body(x).relu()
        return self.main(hidden), self.aux(hidden)


torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model, ce = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def criterion(outputs, labels):
    return ce(outputs[0], labels)


for _ in range(3):
    optimizer.zero_grad()
    main, aux = model(x)
    loss = ce(main, y)
    extra = 0.3 * ce(aux, y)  # <- constant
    print(loss.item() + extra.item())
    loss.backward()
    optimizer.step()
