# expected: suspicious_shape
# NLLLoss wants log-probabilities and is given logits: the loss has no lower bound.
# after: TrainCheck, stackoverflow-60335387 (loss and last layer do not fit)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 20), torch.randint(0, 4, (16,))
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
for _ in range(3):
    optimizer.zero_grad()
    loss = criterion(model(x), y)  # <- suspicious_shape
    loss.backward()
    optimizer.step()
