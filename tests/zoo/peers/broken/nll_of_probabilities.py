# expected: suspicious_shape
# softmax where NLLLoss wants log_softmax.
# after: TrainCheck, stackoverflow-60335387 (loss and last layer do not fit)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=F.nll_loss
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(20, 32), nn.Linear(32, 4)

    def forward(self, x):
        return F.softmax(self.fc2(F.relu(self.fc1(x))), dim=1)


torch.manual_seed(0)
x, y = torch.randn(16, 20), torch.randint(0, 4, (16,))
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.5)
for _ in range(3):
    optimizer.zero_grad()
    loss = F.nll_loss(model(x), y)  # <- suspicious_shape
    loss.backward()
    optimizer.step()
